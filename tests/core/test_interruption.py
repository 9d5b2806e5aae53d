import os
import signal
import threading

import pytest

from faceswap.core.interruption import SIGNALS, stop_on_signals


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no such signal")
def test_the_warning_of_a_batch_system_stops_a_job():
    assert signal.SIGUSR1 in SIGNALS


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_recorded_and_the_job_continues(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert stop.signal == 0
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert stop.signal == number
    assert signal.getsignal(number) is before


def test_the_third_interrupt_is_not_waited_for():
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.count == 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_in_another_thread_it_does_nothing():
    seen = []

    def job():
        with stop_on_signals() as stop:
            seen.append(stop.signal)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert seen == [0]
