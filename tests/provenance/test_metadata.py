"""The XMP packet is what an XML parser and IPTC expect."""

from xml.etree import ElementTree

from faceswap.provenance.metadata import COMPOSITE, SYNTHETIC, TOOL, xmp_packet, xmp_source_type

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"


def test_the_packet_is_well_formed_and_says_it():
    packet = xmp_packet()
    assert packet.startswith(b"<?xpacket begin=")
    assert packet.endswith(b'<?xpacket end="r"?>')
    root = ElementTree.fromstring(packet)
    assert [node.text for node in root.iter(f"{IPTC}DigitalSourceType")] == [COMPOSITE]
    assert [node.text for node in root.iter("{http://ns.adobe.com/xap/1.0/}CreatorTool")] == [TOOL]
    assert SYNTHETIC["digital_source_type"] == COMPOSITE


def test_both_ways_of_writing_xmp_are_read(tmp_path):
    for text in (
        f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}</Iptc4xmpExt:DigitalSourceType>",
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"/>',
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{COMPOSITE}"/>',
    ):
        (tmp_path / "a").write_text(text)
        assert xmp_source_type(tmp_path / "a") == COMPOSITE
    (tmp_path / "a").write_text("DigitalSourceType of another kind")
    assert xmp_source_type(tmp_path / "a") == ""
