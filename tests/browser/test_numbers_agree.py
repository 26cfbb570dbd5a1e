"""Scripts print numbers as the server does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from robotdata import numbers
from tests.support.browser import ROOT
from tests.support.leaving import close_context
from tests.support.number_table import IN_SCRIPTS, TABLE

pytestmark = pytest.mark.browser
PRINT = """async ([source, table]) => {
  const format = await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`);
  return table.map(([name, values]) => format[name](...values));
}"""


def test_scripts_and_server_print_the_same(chromium: Browser) -> None:
    source = (ROOT / "static/js/lib/format.js").read_text()
    asked = [[IN_SCRIPTS.get(name, name), arguments] for name, arguments, _ in TABLE]
    context = chromium.new_context()
    printed = context.new_page().evaluate(PRINT, [source, asked])
    close_context(context)
    assert printed == [getattr(numbers, name)(*arguments) for name, arguments, _ in TABLE]
