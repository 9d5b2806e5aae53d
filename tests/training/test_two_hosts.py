"""Two hosts that share nothing but a network train as one process does."""

import json
import shutil
from pathlib import Path

import pytest

from faceswap.core.checkpoint import checkpoint_steps
from faceswap.training.build import run_training
from tests.core.launched import end_machines
from tests.training.hosts import ADDRESSES, start_on, two_hosts
from tests.training.tiny import configured

SCRIPT = Path(__file__).with_name("tiny_machine.py")
SETTINGS = [
    *("training.adapt_threads=false", "optimizer.ema=0.5", "optimizer.auto_clip=0.5"),
    "model.options.dropout=0.0",  # dropout differs by rank
]


class Cluster:
    """Two hosts, with a disk each that both see at the same place."""

    def __init__(self, hosts, folder):
        self.hosts, self.place = hosts, folder / "disk"
        self.disks = [folder / "disk0", folder / "disk1"]
        self.place.mkdir()
        for disk in self.disks:
            shutil.copytree(folder / "faces", disk / "faces")

    def start(self, rank, steps, **extra):
        """Starts the launcher on a host."""
        launcher = [
            *("-m", "accelerate.commands.launch", "--multi_gpu", "--max_restarts=3"),
            *("--num_machines=2", "--num_processes=2", f"--machine_rank={rank}"),
            *(f"--main_process_ip={ADDRESSES[0]}", "--main_process_port=29555"),
        ]
        script = [SCRIPT, self.place, self.place / "faces", *SETTINGS, f"training.steps={steps}"]
        return start_on(self.hosts[rank], self.disks[rank], self.place, *launcher, *script, **extra)

    def train(self, steps):
        """Losses of both hosts."""
        codes, told = end_machines([self.start(rank, steps) for rank in (0, 1)], timeout=280)
        assert codes == [0, 0], told
        return self.losses()

    def losses(self):
        """Losses that both hosts wrote."""
        found = [disk / f"result-{rank}.json" for rank, disk in enumerate(self.disks)]
        return [json.loads(path.read_text())["losses"] for path in found]


@pytest.mark.slow
def test_two_hosts_train_as_one_process(faces, tmp_path):
    whole = run_training(configured(*SETTINGS, "training.steps=19"), faces, tmp_path / "whole")

    def compare(found, first, last):
        for losses in found:
            for name, values in losses.items():
                assert len(values) == last - first
                assert values == pytest.approx(whole.losses[name][first:last], abs=1e-4)

    with two_hosts() as hosts:
        cluster = Cluster(hosts, tmp_path)
        compare(cluster.train(7), 0, 7)
        assert [path.name for path in (cluster.disks[1] / "run").iterdir()] == ["cache"]
        # The second host is another one now, which has nothing but the faces.
        shutil.rmtree(cluster.disks[1] / "run")
        compare(cluster.train(9), 7, 9)
        # The second host dies at step 17, after the checkpoint of step 15, and comes back.
        second = cluster.start(1, 19, KILL="1:17:machine")
        first = cluster.start(0, 19)
        second.process.wait(280)
        assert (cluster.disks[1] / "killed").exists()
        codes, told = end_machines([first, cluster.start(1, 19)], timeout=280)
        assert codes == [0, 0], told
        compare(cluster.losses(), 15, 19)
        assert checkpoint_steps(cluster.disks[0] / "run" / "checkpoints")[-1] == 19
        assert [path.name for path in (cluster.disks[1] / "run").iterdir()] == ["cache"]
