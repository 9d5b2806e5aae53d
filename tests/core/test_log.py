import logging
from collections.abc import Iterator

import pytest

from faceswap.core.log import get_logger, setup_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    for package in ("faceswap", "classifier"):
        logging.getLogger(package).handlers = []
        logging.getLogger(package).setLevel(logging.NOTSET)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def speak() -> None:
    logger = get_logger("faceswap.training.loop.trainer")
    logger.debug("detail")
    logger.info("progress")
    logger.warning("odd")


def test_rank_zero_shows_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    setup_logging()
    speak()
    assert said(capsys) == ["progress", "warning: odd"]


def test_other_ranks_only_warn_and_say_who_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")
    setup_logging(1)
    speak()
    assert said(capsys) == ["[rank 3] warning: odd"]


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [(-1, ["warning: odd"]), (1, ["detail", "progress", "warning: odd"])],
)
def test_verbosity(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verbosity: int,
    lines: list[str],
) -> None:
    monkeypatch.setenv("RANK", "0")
    setup_logging(verbosity)
    setup_logging(verbosity)  # twice does not double the lines
    speak()
    assert said(capsys) == lines


def test_a_verb_run_as_a_script_logs_below_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging()
    get_logger("__main__").info("hello")
    assert get_logger("__main__").name == "faceswap.main"
    assert said(capsys) == ["hello"]
