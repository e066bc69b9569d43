"""The document that the benchmarks share: each script writes a part of it."""
import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs/benchmarks.md"


def write_part(name, lines, path=DOCUMENT, script=None):
    """Puts `lines` in the place of the part `name`, or at the end if the document does not have it yet."""
    script = script or f"{name}/run.py"
    begin, end = f"<!-- {name}: written by benches/{script}, do not edit -->", f"<!-- end of {name} -->"
    part = "\n".join([begin, *lines, end])
    text = Path(path).read_text() if Path(path).exists() else "# Benchmarks\n"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = found.sub(lambda _: part, text) if found.search(text) else f"{text}\n{part}\n"
    Path(path).write_text(text)
    print(part)
