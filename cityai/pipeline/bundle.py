"""`cityai card bundle`: a card with its reviews, for who has nothing but a browser."""

from __future__ import annotations

import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.render.verify import render_verifier
from cityai.card.spreadsheet import write_frame
from cityai.config.places import CONFIGS
from cityai.config.release import write_rules
from cityai.pipeline.review import Reviewed, read_review
from cityai.review.keys import read_public, write_public
from cityai.review.standing import POLICY, RULES
from cityai.store.files import PUBLIC_FILE_MODE, write_files
from cityai.track.tables import make_tables

MANIFEST: Final = "MANIFEST.sha256"
README: Final = """\
{title}

What is here, for an access request, an auditor, or whoever wants to know:

card/            the model card as it is published: pages for people, card.json for machines
reviews/         what people signed about it, in order; each file names the digest of the one before
tables/          the figures of the card as tables; what is suppressed there is suppressed here
{policy:<17}the policy that it is held to
{rules:<17}its rules as cityai reads them, for verify.html; every signature is over both
keys.json        whose signatures count, and when
verify.html      open it in a browser and choose this folder: it checks signatures, chain, digests
                 and days. It sends nothing and loads nothing.
{manifest:<17}the SHA-256 of every file (`sha256sum -c {manifest}`)

Head of the chain of signed acts: {head}
"""
_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""Of each file in a zip: the same card gives the same bytes."""


def bundle_card(path: Path, out: Path, *, replace: bool = False) -> Path:
    """Write a card, its reviews and a page that checks them into one folder or zip.

    Parameters
    ----------
    path : Path
        The project, or an audit file.
    out : Path
        A folder, or a file that ends in ``.zip``.
    replace : bool
        Whether what is there may be replaced.

    Raises
    ------
    UserError
        When the card was changed, or the chain does not hold.
    StoreError
        When there is no card, or the disk refuses.
    """
    reviewed = read_review(path)
    reviewed.chain.refuse_faults()
    files = make_bundle(reviewed)
    if out.suffix == ".zip":
        write_files({out.name: _pack(files)}, out.parent, PUBLIC_FILE_MODE, replace=replace)
        return out
    folders = sorted({PurePosixPath(name).parent for name in files})
    for folder in folders:
        own = {PurePosixPath(n): c for n, c in files.items() if PurePosixPath(n).parent == folder}
        contents = {name.name: content for name, content in own.items()}
        write_files(contents, out / folder, PUBLIC_FILE_MODE, replace=replace)
    return out


def make_bundle(reviewed: Reviewed) -> dict[str, bytes]:
    """Return the files of a bundle by their path, the manifest last."""
    place, record = reviewed.place, reviewed.record
    pages = {p.name: p.read_bytes() for p in sorted(place.folder.glob("card*.*"))}
    policy = next(name for name in reviewed.subjects if name.endswith(POLICY))
    readme = README.format(
        title=record.record.title,
        policy=policy,
        rules=RULES,
        manifest=MANIFEST,
        head=reviewed.chain.head or "nobody has signed anything",
    )
    files = {
        "README.txt": readme.encode(),
        "keys.json": _write_keys(reviewed),
        policy: (place.workspace / CONFIGS / policy).read_bytes(),
        RULES: write_rules(reviewed.policy.release, reviewed.policy.override),
        "verify.html": render_verifier(record.record.words_language).encode(),
        **{f"card/{name}": content for name, content in pages.items()},
        **{f"reviews/{p.name}": p.read_bytes() for p in sorted(reviewed.folder.glob("*.json"))},
        **_write_tables(record),
    }
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return {**files, MANIFEST: "".join(lines).encode()}


def _write_keys(reviewed: Reviewed) -> bytes:
    told = [
        spec.model_dump(mode="json") | {"public": write_public(read_public(spec.public))}
        for spec in reviewed.ring.list_specs()
    ]
    return (json.dumps(told, indent=1) + "\n").encode()


def _write_tables(record: CardRecord) -> dict[str, bytes]:
    tables = make_tables(record)
    return {f"tables/{Path(name).stem}.csv": write_frame(t) for name, t in tables.items()}


def _pack(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = PUBLIC_FILE_MODE << 16
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
