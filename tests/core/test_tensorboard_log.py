from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceswap.core.tensorboard_log import open_scalar_log


def read(folder: Path) -> EventAccumulator:
    log = EventAccumulator(str(folder))
    log.Reload()
    return log


def test_an_image_is_stored_as_it_is(tmp_path: Path) -> None:
    content = b"\xff\xd8 with its manifest \xff\xd9"
    log = open_scalar_log(tmp_path, purge_step=1)
    log.add_jpeg("previews", content, (6, 4), 500)
    log.close()
    [image] = read(tmp_path).Images("previews")
    assert (image.step, image.width, image.height) == (500, 6, 4)
    assert image.encoded_image_string == content


def test_points_of_an_earlier_start_after_its_checkpoint_are_hidden(tmp_path: Path) -> None:
    for purge_step, steps in ((1, (100, 200, 300)), (201, (300, 400))):
        log = open_scalar_log(tmp_path, purge_step)
        for step in steps:
            log.add_scalar("loss", purge_step, step)
            log.add_jpeg("previews", b"%d" % purge_step, (1, 1), step)
        log.close()
    found = read(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [
        (100, 1),
        (200, 1),
        (300, 201),
        (400, 201),
    ]
    images = [(e.step, e.encoded_image_string) for e in found.Images("previews")]
    assert images == [(100, b"1"), (200, b"1"), (300, b"201"), (400, b"201")]
