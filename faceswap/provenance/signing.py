"""Signs synthetic media: a C2PA manifest embedded in the file, or in a sidecar."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap.core.files import atomic_path, atomic_write
from faceswap.core.hashed_file import HashedFile
from faceswap.core.held_file import HeldFile, Signer
from faceswap.core.text import readable_name
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.formats import ANY, BEGINNING, EMBEDDABLE, media_type, media_type_of
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.library import load_library, new_context
from faceswap.provenance.manifest import (
    Conversion,
    ingredient_id,
    manifest_definition,
)
from faceswap.provenance.sidecar import find_sidecar, sidecar_path
from faceswap.provenance.store import read_store
from faceswap.provenance.swapped_ranges import SwappedRanges

if TYPE_CHECKING:
    import c2pa


class ManifestSigner:
    """Signs files as synthetic, as one identity.

    Args:
        identity: Signing identity.
        conversion: Model, identities shown and subject records.
    """

    def __init__(self, identity: SigningIdentity, conversion: Conversion) -> None:
        self.identity = identity
        self.conversion = conversion

    def for_sources(
        self,
        *sources: HashedFile,
        counts: Callable[[], Mapping[str, int]] = lambda: {},
        shown: Callable[[], Iterable[str]] | None = None,
        ranges: SwappedRanges | None = None,
        attached: bool = True,
    ) -> Signer:
        """Creates the function that a writer calls before it renames a complete file.

        On disk the file can be opened only when it is signed: it is released after the manifest
        was embedded, or after its sidecar was written.

        Args:
            *sources: Source files, hashed before they were read: the one that was edited, several
                that are shown together, or none.
            counts: Function that returns the numbers of frames and of swapped faces; called when
                the file is complete.
            shown: Function that returns the identities that are shown, likewise; None for all that
                the conversion may show.
            ranges: Ranges of a video in which faces were swapped; None for everything.
            attached: Whether the sources are ingredients with manifests of their own, for which
                they are read. A part of a file that is made states their hashes only.

        Returns:
            Function that raises ``ProvenanceError`` when the file cannot be signed, or
            ``SourceChangedError`` when a source is no longer the one that was hashed; the writer
            then leaves no file.
        """

        def sign(file: HeldFile, final: Path) -> Sequence[Path]:
            definition = manifest_definition(
                readable_name(final.name),
                _media_type(file),
                self.conversion,
                sources,
                counts(),
                None if shown is None else sorted(shown()),
                ranges,
                attached=attached,
            )
            return self._sign(file, final, sources, definition, attached=attached)

        return sign

    def _sign(
        self,
        file: HeldFile,
        final: Path,
        sources: Sequence[HashedFile],
        definition: Mapping[str, Any],
        *,
        attached: bool,
    ) -> Sequence[Path]:
        _check_unchanged(sources)
        kind = definition["format"]
        embeds = kind in EMBEDDABLE
        library = load_library()
        try:
            builder = library.Builder(definition, context=new_context())
            relation = "parentOf" if len(sources) == 1 else "componentOf"
            for number, source in enumerate(sources if attached else ()):
                _add_source(builder, source.path, relation, ingredient_id(number))
            if not embeds:
                builder.set_no_embed()
            file.seek(0)
            with atomic_path(file.path) as signed, HeldFile(signed) as sink:
                with _system_errors(sink):
                    kind = kind if embeds else ANY
                    manifest = builder.sign(self.identity.signer(), kind, file, sink)
                _check_unchanged(sources)  # the library has read them, too
                file.close()  # replaced when this block ends
                if embeds:
                    return _release_embedded(sink, manifest, file.path, final)
                return _release_with_sidecar(sink, manifest, file.path, final)
        except library.C2paError as error:
            raise ProvenanceError(
                f"{final} cannot be signed: {error}.",
                "No file was written, since synthetic media are always signed. Try another output "
                "format.",
            ) from error


def _media_type(file: HeldFile) -> str:
    file.seek(0)
    return media_type_of(file.read(BEGINNING) or b"")


def _check_unchanged(sources: Sequence[HashedFile]) -> None:
    for source in sources:
        source.check()


def _release_embedded(sink: HeldFile, manifest: bytes, file: Path, final: Path) -> Sequence[Path]:
    """Releases a file with an embedded manifest, and removes the sidecar of a previous file.

    Returns:
        Sidecars of the temporary names: while the file is released, a part of it can be recognised
        before its own manifest can be read.
    """
    companions = _mark(manifest, sink.path, file) if sink.exceeds_head else ()
    sink.release()
    beside = sidecar_path(final)
    if beside.exists():
        # Without its sidecar the previous file would have no manifest.
        final.unlink(missing_ok=True)
        beside.unlink()
    return companions


def _mark(manifest: bytes, *temporary: Path) -> Sequence[Path]:
    """Writes sidecars of temporary names."""
    companions = tuple(map(sidecar_path, temporary))
    for companion in companions:
        atomic_write(companion, manifest)
    return companions


def _release_with_sidecar(
    sink: HeldFile, manifest: bytes, file: Path, final: Path
) -> Sequence[Path]:
    """Releases a file with a sidecar: under each of its names, what can be opened has its own.

    Args:
        sink: Signed file, which is renamed to ``file``, and then to ``final``.
        manifest: Content of the sidecar.
        file: Temporary file.
        final: Final path.

    Returns:
        The sidecars of the temporary names.
    """
    companions = _mark(manifest, sink.path, file)
    with atomic_path(sidecar_path(final)) as beside:
        beside.write_bytes(manifest)
        sink.release()
        final.unlink(missing_ok=True)  # a previous file never lies beside a sidecar of another one
    return companions


@contextmanager
def _system_errors(sink: HeldFile) -> Iterator[None]:
    """Raises the system error of a failed write instead of the library's own."""
    try:
        yield
    except Exception as error:
        if sink.error is not None:
            raise sink.error from error
        raise


def _add_source(builder: "c2pa.Builder", path: Path, relationship: str, identifier: str) -> None:
    """Adds a source as an ingredient, with its manifest if it has one."""
    ingredient = {
        "title": readable_name(path.name),
        "relationship": relationship,
        "instance_id": identifier,
    }
    kind = media_type(path)
    library = load_library()
    try:
        if kind in EMBEDDABLE:
            with path.open("rb") as file:
                builder.add_ingredient(ingredient, kind, file)
            return
        beside = find_sidecar(path)
        chained = _with_sidecar(builder, path, beside, identifier) if beside else {}
    except library.C2paError as error:
        # Sources may be in any state; the output is signed all the same.
        chained = {"description": f"Its Content Credentials, if any, cannot be read: {error}"}
    with path.open("rb") as file:
        builder.add_ingredient(ingredient | {"format": kind} | chained, ANY, file)


def _with_sidecar(
    builder: "c2pa.Builder", path: Path, beside: Path, identifier: str
) -> dict[str, Any]:
    """Ingredient fields of a source with a sidecar manifest."""
    manifest = beside.read_bytes()
    with (
        path.open("rb") as file,
        load_library().Reader(ANY, file, manifest_data=manifest, context=new_context()) as reader,
    ):
        store = read_store(reader.json(), beside)
    resource = f"{identifier}.c2pa"
    builder.add_resource(resource, io.BytesIO(manifest))
    return {
        "manifest_data": {"format": "application/c2pa", "identifier": resource},
        "active_manifest": store["active_manifest"],
        "validation_results": store.get("validation_results"),
    }
