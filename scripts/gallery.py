"""Writes the gallery: a page of all experiments, a page for each experiment and each chapter of the story, and the story's worksheet.

The page of one entry is what a link to it shows elsewhere (Open Graph, oEmbed): it has a title, a sentence, a picture, and leads on to
Prunescope at once. Other sites need whole addresses for the picture and the figure: they are written if the site's address is known.
"""
import dataclasses
import html
import json
import pathlib

WIDTH, HEIGHT = 384, 240
FIGURE_WIDTH, FIGURE_HEIGHT = 700, 520


@dataclasses.dataclass
class Entry:
    """An experiment or a chapter."""

    # Name of its files: NAME.jpg, NAME.html and NAME.json.
    name: str
    title: str
    look: str
    # The query of its link.
    query: str
    # The query of its figure, which has no story.
    figure: str
    # The view that it is about; empty for a chapter.
    view: str = ""


# What each view of the page asks, in the order of the gallery.
GROUPS = {
    "layers": "Which parts matter",
    "tokens": "From scores to chances",
    "steps": "What a text makes of an error",
    "theorems": "The paper's estimates",
    "choice": "Multiple choice",
    "retrieval": "Retrieval",
    "compare": "Plans side by side",
    "sweep": "What a plan is good for",
    "search": "Which layers to drop",
    "weights": "Weights",
}


def entries(experiments: list[dict], story: dict) -> tuple[list[Entry], list[Entry]]:
    """The experiments and the chapters, as `public/texts` has them."""
    chapters = enumerate(story["chapters"], 1)
    return (
        [Entry(f"{at:02}", it["name"], it["look"], it["link"], it["link"], it["view"]) for at, it in enumerate(experiments)],
        [Entry(f"chapter-{at}", f"{it['title']} (chapter {at} of the story)", it["text"][0], f"chapter={at}", it.get("act", {}).get("link", it["link"])) for at, it in chapters],
    )


def described(entry: Entry, address: str) -> str:
    """What other sites read of an entry."""
    title, look = html.escape(entry.title), html.escape(entry.look)
    lines = [
        f'<meta name="description" content="{look}" />',
        f'<meta property="og:title" content="{title}" />',
        f'<meta property="og:description" content="{look}" />',
        '<meta property="og:type" content="website" />',
    ]
    if address:
        here = f"{address}gallery/{entry.name}"
        lines += [
            f'<meta property="og:url" content="{here}.html" />',
            f'<meta property="og:image" content="{here}.jpg" />',
            f'<meta property="og:image:width" content="{WIDTH}" />',
            f'<meta property="og:image:height" content="{HEIGHT}" />',
            '<meta name="twitter:card" content="summary_large_image" />',
            f'<link rel="alternate" type="application/json+oembed" href="{here}.json" title="{title}" />',
        ]
    return "\n".join(lines)


def page_of(entry: Entry, address: str) -> str:
    """The page of one entry, which leads on to Prunescope."""
    target = html.escape(f"../?{entry.query}")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>{html.escape(entry.title)}: Prunescope</title>
{described(entry, address)}
<meta http-equiv="refresh" content="0; url={target}" />
<p><a href="{target}">{html.escape(entry.title)}</a></p>
</html>
"""


def embedded(entry: Entry, address: str) -> str:
    """The answer of oEmbed (https://oembed.com) for an entry."""
    source = html.escape(f"{address}?embed=1&{entry.figure}")
    frame = f'<iframe src="{source}" title="{html.escape(entry.title)}" width="{FIGURE_WIDTH}" height="{FIGURE_HEIGHT}" style="border:0" sandbox="allow-scripts"></iframe>'
    return json.dumps({
        "version": "1.0",
        "type": "rich",
        "title": entry.title,
        "provider_name": "Prunescope",
        "provider_url": address,
        "html": frame,
        "width": FIGURE_WIDTH,
        "height": FIGURE_HEIGHT,
        "thumbnail_url": f"{address}gallery/{entry.name}.jpg",
        "thumbnail_width": WIDTH,
        "thumbnail_height": HEIGHT,
    }, indent=1)


def answers(ask: dict) -> str:
    """Where a reader writes down the answer to a chapter's question."""
    if ask.get("options"):
        return "".join(f"<li>☐ {html.escape(name)}</li>" for name, _ in ask["options"])
    return f"<li>My guess ({ask['from']:g} to {ask['to']:g}): ____________</li>"


def worksheet(story: dict) -> str:
    """A page to print: every chapter with its picture, its question, and room for what was predicted and found."""
    parts = []
    for at, chapter in enumerate(story["chapters"], 1):
        ask = chapter.get("ask")
        asked = f"<p><b>{html.escape(ask['question'])}</b></p><ul>{answers(ask)}</ul><p>What we found: {'_' * 40}</p>" if ask else f"<p>{'_' * 60}</p>"
        parts.append(f'<section><img src="chapter-{at}.jpg" width="192" height="120" alt="" /><h2>{at}. {html.escape(chapter["title"])}</h2>{asked}</section>')
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>Worksheet: {html.escape(story["title"])}</title>
<link rel="stylesheet" href="worksheet.css" />
<h1>{html.escape(story["title"])}</h1>
<p>Name: {"_" * 30} &nbsp; Open <a href="../?chapter=1">the story</a>, and answer each question before you press its button.</p>
{chr(10).join(parts)}
<p>Which question surprised you, and why? {"_" * 60}</p>
</html>
"""


def card(entry: Entry) -> str:
    """An experiment in the gallery."""
    picture = f'<img src="{entry.name}.jpg" width="{WIDTH}" height="{HEIGHT}" alt="" loading="lazy" />'
    title, look, query = html.escape(entry.title), html.escape(entry.look), html.escape(entry.query)
    return f'<li class="panel"><a href="../?{query}">{picture}<b>{title}</b></a><p>{look}</p></li>'


def write(site: pathlib.Path, source: pathlib.Path, address: str) -> None:
    """Writes the gallery into the site.

    * `address`: where the site will be, with a slash at its end; empty if that is not known.
    """
    assert not address or address.startswith("https://") and address.endswith("/"), "SITE_ADDRESS begins with https:// and ends with /"
    folder = site / "gallery"
    folder.mkdir(exist_ok=True)
    [style] = site.glob("style-*.css")
    texts = source / "public/texts/en"
    story = json.loads((texts / "story.json").read_text())
    experiments, chapters = entries(json.loads((texts / "experiments.json").read_text()), story)
    for entry in experiments + chapters:
        (folder / f"{entry.name}.html").write_text(page_of(entry, address))
        if address:
            (folder / f"{entry.name}.json").write_text(embedded(entry, address))
    (folder / "worksheet.html").write_text(worksheet(story))
    assert {entry.view for entry in experiments} <= set(GROUPS), "an experiment's view has no group"
    groups = []
    for view, name in GROUPS.items():
        cards = [card(entry) for entry in experiments if entry.view == view]
        groups.append(f"<h2>{html.escape(name)}</h2>\n<ul>\n{chr(10).join(cards)}\n</ul>")
    title = "Experiments with Prunescope"
    (folder / "index.html").write_text(f"""<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>{title}</title>
<link rel="stylesheet" href="../{style.name}" />
<body class="gallery">
<h1>{title}</h1>
<p>Each opens the page with its settings, and says what to look for. <a href="../">The page</a>, <a href="../?chapter=1">its story</a>, <a href="worksheet.html">a worksheet</a> to print.</p>
{chr(10).join(groups)}
</body>
</html>
""")
