"""`out/index.html`: the prints of a demo on one plain page that needs no server, no script and no foreign font."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.collection.schema import Collection

_CSS = Path(__file__).with_name("page.css")
_MARK = Path(__file__).with_name("page.svg")
_FORM = "M5 5h54v54H44V24h-4.5v34h-15V24H20v35H5Z"
"""The mark at small sizes: without the traces of the roller."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} · Monoprint</title>
<meta http-equiv="content-security-policy"
 content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" media="(prefers-color-scheme:light)" content="#e3e7e8">
<meta name="theme-color" media="(prefers-color-scheme:dark)" content="#0b1016">
<link rel="icon" type="image/svg+xml" href="{icon}">
<style>
{css}</style></head>
<body>
<a class="skip" href="#prints">Skip to the prints</a>
<header>
<p class="brand">{mark}Monoprint</p>
<div class="title"><div><h1>{title}</h1>
<p class="lead">{description}</p></div>
<p class="sub">{artist}<br>{count}, each pulled once.<br>Minted on this machine.</p></div>
<nav aria-label="Prints"><ul class="hang">
{thumbs}
</ul></nav>
</header>
<main id="prints">
{prints}
</main>
<footer>
<div><h2>Check it yourself</h2>
<p>Every block of the CAR files, every CID and the chain's own answers are checked from outside by
<code>.venv/bin/python tests/journey/verify_demo.py <span>--demo {out}/demo.json</span>
<span>--chain-state {out}/chain-state.json</span> <span>--blocks {out}/cars</span></code></p></div>
<dl class="facts"><div><dt>Contract</dt><dd>{contract}</dd></div>
<div><dt>Chain</dt><dd>{chain_id}, embedded on this machine</dd></div>
<div><dt>Collection</dt><dd>{digest}</dd></div></dl>
</footer>
</body></html>
"""

_THUMB = """<li><a href="#{anchor}"><img src="{picture}" width="256" height="256" alt=""><span>{name}</span></a></li>"""

_PRINT = """<article id="{anchor}">
<figure class="print"><span class="plate"><img src="{picture}" width="1024" height="1024" alt="{alt}"{lazy}></span>
<figcaption><span>1/1</span><span>{name}</span><span>{artist}</span></figcaption></figure>
<div class="told">
<div><h2>{name}</h2>
<p class="minted"><span class="seal"><svg viewBox="0 0 64 64" aria-hidden="true"><path d="{form}"/></svg></span>
<span>Minted once, {seconds:.0f} s after it was asked for</span></p></div>
<section><h3>Why this picture</h3>
<dl class="traits">
{traits}
</dl></section>
<section><h3>Where it is</h3>
<dl class="facts">
{facts}
</dl></section>
<p class="files"><a href="{picture}">Picture</a><a href="metadata/{file}.json">Metadata</a>
<a href="cars/{file}.image.car">Picture as CAR</a><a href="cars/{file}.metadata.car">Metadata as CAR</a></p>
</div>
</article>"""


def write_page(path: Path, collection: Collection, summary: Mapping[str, Any]) -> None:
    """The page of what `demo.json` says."""
    tokens = summary["tokens"]
    icon = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><path fill="#7b8a99" d="{_FORM}"/></svg>'
    page = _PAGE.format(
        title=escape(collection.name),
        artist=escape(collection.artist),
        description=escape(collection.description),
        icon=f"data:image/svg+xml,{quote(icon)}",
        css=_CSS.read_text(encoding="utf-8"),
        mark=_MARK.read_text(encoding="utf-8").strip(),
        count=f"{len(tokens)} print{'s' * (len(tokens) != 1)}",
        thumbs="\n".join(_thumb(token, number) for number, token in enumerate(tokens, 1)),
        prints="\n".join(_print(token, number, collection.artist) for number, token in enumerate(tokens, 1)),
        contract=escape(summary["contract"]),
        chain_id=summary["chain_id"],
        digest=escape(summary["collection"]["digest"]),
        out=escape(path.parent.name or "."),
    )
    path.write_text(page, encoding="utf-8")


def _thumb(token: Mapping[str, Any], number: int) -> str:
    return _THUMB.format(anchor=f"print-{number}", picture=_address(token["picture"]), name=escape(token["name"]))


def _print(token: Mapping[str, Any], number: int, artist: str) -> str:
    traits = (
        f"<div><dt>{escape(trait)}</dt><dd>{escape(value)}<small>{escape(token['reasons'][trait])}</small></dd></div>"
        for trait, value in token["traits"].items()
    )
    facts = {
        "Token": token["token_id"],
        "Owner": token["owner"],
        "Transaction": f"{token['tx_hash']}, {token['gas_used']:,} gas",
        "Metadata": f"ipfs://{token['metadata_cid']}",
        "Picture": f"ipfs://{token['image_cid']}",
        "SHA-256": token["image_sha256"],
        "Asked by": f"{token['collector']}.json",
    }
    return _PRINT.format(
        anchor=f"print-{number}",
        picture=_address(token["picture"]),
        file=_address(token["collector"]),
        alt=escape(f"{token['name']}: {', '.join(token['traits'].values())}"),
        lazy="" if number == 1 else ' loading="lazy"',
        name=escape(token["name"]),
        artist=escape(artist),
        form=_FORM,
        seconds=sum(token["seconds"].values()),
        traits="\n".join(traits),
        facts="\n".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()),
    )


def _address(path: str) -> str:
    """A file's name may hold anything: `#` and `?` too."""
    return escape(quote(path))
