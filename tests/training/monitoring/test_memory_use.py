import mmap

import torch

from faceswap.training.monitoring.memory_use import MemoryGauge, MemoryUse


def test_on_a_cpu_it_is_the_memory_of_the_process():
    gauge = MemoryGauge(torch.device("cpu"))
    before = gauge.read()
    held = mmap.mmap(-1, 64 << 20)  # new memory: the process may have some that is free
    held.write(bytes(64 << 20))  # so that it is resident
    during = gauge.read()
    assert during.now - before.now > 60 << 20
    held.close()
    after = gauge.read()
    assert after.now < during.now
    assert after.peak == during.peak == during.now


def test_cuda_records_its_own_peak(monkeypatch):
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 7)
    assert MemoryGauge(torch.device("cuda")).read() == MemoryUse(3, 7)


def test_mps_has_the_highest_value_that_was_read(monkeypatch):
    values = iter([5, 9, 4])
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: next(values))
    gauge = MemoryGauge(torch.device("mps"))
    assert [gauge.read() for _ in range(3)] == [MemoryUse(5, 5), MemoryUse(9, 9), MemoryUse(4, 9)]
