"""Made-up banks from end to end."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from configs.errors import DataError
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.example_banks import SNAPSHOT_DATE, write_example_bank
from pipeline.progress import Stages, counted_stages
from serve.texts.wording import Wording

CUSTOMERS, WEEKS, SEED = 5000, 130, 7


# The stages of a made-up bank: the key of its words, and the steps that belong to it.
STAGES = (
    ("demo.files", ("demo-bank", "example-bank")),
    ("demo.tables", ("ingest",)),
    ("demo.features", ("calibration", "gates", "matured", "snapshots")),
    ("demo.labels", ("labels",)),
    ("demo.model", ("train",)),
    ("demo.champion", ("report", "compare")),
    ("demo.scores", ("score", "effect", "choose")),
    ("demo.publication", ("run-gates", "win-back", "figures", "publish", "lists", "register")),
    ("demo.truth", ("truth",)),
)


def run_made_up(context: Context, words: Wording, with_token: bool = False) -> str:
    """A made-up bank from raw files to lists, stage by stage; the text to print.

    It ends with the address of the pages and a token for them, or the command that prints one: a token is a
    secret, so ``with_token`` is for a terminal alone.
    """
    began, is_demo = time.perf_counter(), context.settings.bank == "demo"
    named = [(words(key), steps) for key, steps in (STAGES if is_demo else STAGES[:-1])]
    with counted_stages(Stages(named, words("demo.place"), words("demo.kept"))) as stages:
        with _raw_files(context, stages) if is_demo else nullcontext(write_example_bank(context)) as raw:
            # Seconds of imports, while another process writes the files.
            from pipeline.commands.summaries import lists_in_words, longest_list
            from pipeline.demo_summary import against_the_truth, truth_in_words, way_to_the_pages
            from pipeline.weekly import run_weekly
        publication, lists = run_weekly(context, raw, SNAPSHOT_DATE)
        parts = [lists_in_words(context, publication, lists, words)]
        if is_demo:  # of the other banks nobody knows the truth
            summary = against_the_truth(context, publication, lists)
            summary["seconds"] = round(time.perf_counter() - began, 1)
            summary["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            write_json(context.home.root / "summary.json", summary)
            parts.append(truth_in_words(summary, words))
    parts.append(way_to_the_pages(context, longest_list(publication, lists), words, with_token))
    return "\n".join(parts)


@contextmanager
def _raw_files(context: Context, stages: Stages) -> Iterator[Path]:
    """The folder of the extracts, which are there when the block ends.

    Equal customers, weeks and seed give equal bytes: files that are there are kept. Raises DataError where
    they could not be written.
    """
    raw = context.home.root / "raw"
    wanted = {"customers": CUSTOMERS, "weeks": WEEKS, "seed": SEED, "until": str(SNAPSHOT_DATE)}
    note = raw / "demo.json"
    if note.is_file() and read_json(note) == wanted:
        yield raw
        return
    stages.begin("demo-bank")
    options = [f"--{name}={value}" for name, value in wanted.items()]
    with subprocess.Popen([sys.executable, "-m", "pipeline", "demo-bank", f"--out={raw}", *options]) as child:
        yield raw
    if child.returncode:
        raise DataError(f"the files of the demo bank were not written into {raw}: see the lines above.")
    write_json(note, wanted)
