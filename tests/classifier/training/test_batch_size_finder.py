from classifier.train import describe_memory
from classifier.training.batch_size_finder import BatchSizeReport
from faceswap.core.batch_size_finder import StateMemory


def test_memory_terms_add_up_to_the_total():
    state = StateMemory(10**6, 10**6, 2 * 10**6, 0)
    report = BatchSizeReport(state, 0.0, 5e5, 1e9, 256, 8, "cpu")
    assert report.total(8) == 8e6
    output = describe_memory(report)
    assert output[0].startswith("A step with batch size 8 takes 8 MB on cpu: weights 1 MB")
    assert "activations of 8 images 4 MB" in output[0]
    assert output[-1].endswith("--set data.batch_size=256")
