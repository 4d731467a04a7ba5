"""Stages are counted as they begin, those passed over are named, and bars say which one they belong to."""

import logging

from pipeline.progress import Stages, counted_stages, log, progress_bar, step


def test_each_stage_is_said_once_as_it_begins(caplog):
    caplog.set_level(logging.INFO, log.name)
    stages = Stages([("files", ("raw",)), ("tables", ("ingest", "load")), ("model", ("train",))])
    with counted_stages(stages):
        for name in ("ingest", "aside", "load", "ingest", "train", "raw"):
            with step(name), progress_bar("rows"):
                assert stages.place == ("3 of 3" if name in ("train", "raw") else "2 of 3")
    said = [record.getMessage() for record in caplog.records]
    numbered = [line for line in said if " of 3" in line]
    assert numbered == ["1 of 3  files (there already)", "2 of 3  tables", "3 of 3  model"]
    assert said.index("2 of 3  tables") < next(
        at for at, line in enumerate(said) if line.startswith("ingest")
    )


def test_other_commands_count_no_stages(caplog):
    caplog.set_level(logging.INFO, log.name)
    with step("ingest"):
        pass
    assert " of " not in caplog.text
