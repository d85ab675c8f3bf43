"""What makes an upload a model that fits this system. Pure; the bytes of a model are megabytes, so not for an event loop."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from penstock.contracts.features import FEATURES, REGISTRY_VERSION
from penstock.journal.models import StoredModel
from penstock.kit.http.problem import FieldError, from_decoding, wrong_field, wrong_fields

#: The form of cards that is read here, as ``penstock train`` writes it.
CARD_FORMAT: Final = 1
_NAME: Final = re.compile(r"\S(?:[^\x00-\x1f\x7f]{0,98}\S)?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DAY_US: Final = 86_400_000_000
_FIXES: Final = {
    "onnx": "send the file model.onnx in base64",
    "native": "send the file model.txt in base64",
    "card": "send the JSON of the file card.json",
}
_WHOLE: Final = "send the three files of one model folder, as `penstock train` wrote them"
_AGAIN: Final = "train the model again with this version of Penstock"


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model folder: ``model.onnx`` and ``model.txt`` in base64, and ``card.json`` as JSON."""

    onnx: bytes
    native: bytes
    card: dict[str, Any]


class _Data(msgspec.Struct, frozen=True):
    maturity_us: int


class Card(msgspec.Struct, frozen=True):
    """What is read of a card. The whole card is kept, for people."""

    format: int
    name: str
    registry_version: int
    features: list[str]
    onnx_sha256: str
    native_sha256: str
    data: _Data


class Checked(NamedTuple):
    """A model that fits, and the hash under which it is stored."""

    sha256: bytes
    model: StoredModel


_UPLOAD: Final = msgspec.json.Decoder(Upload)


def read_upload(body: bytes, maturity_us: int) -> Checked:
    """Read and check an upload.

    :param maturity_us: that of the policy: the lane refuses models that were trained with another one.
    :raises Problem: 400 or 422, naming every field that does not fit.
    """
    upload = _decode(body)
    card = _read_card(upload.card)
    digest = hashlib.sha256(upload.onnx).digest()
    errors = [*_foreign(card, upload, digest.hex()), *_unfit(card, maturity_us)]
    if errors:
        raise wrong_fields(errors)
    # written anew, so that what is stored is UTF-8 without a control character, whatever was sent
    text = msgspec.json.encode(upload.card).decode()
    model = StoredModel(card.name, card.registry_version, card.data.maturity_us, upload.onnx, upload.native, text)
    return Checked(digest, model)


def parse_sha256(text: str) -> bytes:
    """The hash in a path.

    :raises Problem: 422.
    """
    if not _SHA256.fullmatch(text):
        raise wrong_field(
            "model", "not a model's SHA-256", "send 64 lower-case hexadecimal digits, as GET /v1/models shows it"
        )
    return bytes.fromhex(text)


def _decode(body: bytes) -> Upload:
    try:
        return _UPLOAD.decode(body)
    except msgspec.DecodeError as error:
        raise from_decoding(error, fixes=_FIXES) from error
    except RecursionError as error:
        raise wrong_field("card", "nested too deeply", _FIXES["card"]) from error


def _read_card(given: dict[str, Any]) -> Card:
    try:
        return msgspec.convert(given, Card)
    except msgspec.ValidationError as error:
        raise from_decoding(error, "card", dict.fromkeys(Card.__struct_fields__, _AGAIN)) from error


def _foreign(card: Card, upload: Upload, onnx_sha256: str) -> Iterator[FieldError]:
    """Files that are not the card's."""
    if onnx_sha256 != card.onnx_sha256:
        yield FieldError("onnx", "not the file that the card describes", _WHOLE)
    if hashlib.sha256(upload.native).hexdigest() != card.native_sha256:
        yield FieldError("native", "not the file that the card describes", _WHOLE)


def _unfit(card: Card, maturity_us: int) -> Iterator[FieldError]:
    """What of the card does not fit this system."""
    if card.format != CARD_FORMAT:
        yield FieldError("card.format", f"{card.format}; this version reads {CARD_FORMAT}", _AGAIN)
    if not _NAME.fullmatch(card.name):
        yield FieldError("card.name", "not a name", "use 1 to 100 characters without line breaks")
    if card.registry_version != REGISTRY_VERSION:
        problem = f"trained for version {card.registry_version} of the features; this is version {REGISTRY_VERSION}"
        yield FieldError("card.registry_version", problem, _AGAIN)
    elif card.features != [feature.name for feature in FEATURES]:
        yield FieldError("card.features", f"not those of version {REGISTRY_VERSION}", _AGAIN)
    if card.data.maturity_us != maturity_us:
        days, wanted = card.data.maturity_us / _DAY_US, maturity_us / _DAY_US
        problem = f"trained with a maturity of {days:g} days; the policy's label_maturity_s says {wanted:g} days"
        fix = f"train again with maturity_days = {wanted:g} under [label] of the mapping"
        yield FieldError("card.data.maturity_us", problem, fix)
