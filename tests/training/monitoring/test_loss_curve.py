from faceswap.training.monitoring import loss_curve
from faceswap.training.monitoring.loss_curve import LossCurve


def test_points_from_a_step_on_are_replaced_after_a_rollback():
    curve = LossCurve()
    for step in (10, 20, 30):
        curve.add(step, [step, 2 * step])
    curve.add(20, [5, 6])
    assert curve.points == [[10, 10, 20], [20, 5, 6]]


def test_of_too_many_points_two_and_two_are_averaged(monkeypatch):
    monkeypatch.setattr(loss_curve, "MOST_POINTS", 4)
    curve = LossCurve()
    for step, loss in ((10, 1), (20, 3), (30, 5), (40, 9), (50, 4)):
        curve.add(step, [loss])
    assert curve.points == [[20, 2], [40, 7], [50, 4]]
