from __future__ import annotations

import json

from auditor.render import json_report
from auditor.report import Report
from tests.render_samples import hostile_report, sample_report


def test_the_report_comes_back_as_it_was() -> None:
    for report in (sample_report(), hostile_report()):
        assert Report.model_validate_json(json_report.render(report)) == report


def test_two_renderings_are_the_same_bytes_with_a_newline_at_the_end() -> None:
    text = json_report.render(sample_report())
    assert text == json_report.render(sample_report())
    assert text.endswith("}\n")
    assert '\n  "schema_version"' in text


def test_the_top_level_follows_the_contract() -> None:
    assert list(json.loads(json_report.render(sample_report()))) == list(Report.model_fields)
