"""Dotted paths into records, as ``--fields`` has them: is there such a field?"""

from collections.abc import Sequence

from msgspec import inspect

from crawler.record import Record, SummaryRecord


def check_field(path: str) -> None:
    """Raise ValueError unless some record may have this field.

    Dots lead into objects: ``error.class``. Where the keys are not ours (``meta``), any is right.
    """
    top, *keys = path.split(".")
    records = [inspect.type_info(each) for each in (*Record.__subclasses__(), SummaryRecord)]
    names = dict.fromkeys(field.encode_name for each in records for field in _fields(each))
    kinds = [kind for each in records for kind in _below(each, top)]
    if top != "seq" and not kinds:
        raise ValueError(f"no record has {top!r}; there are {', '.join([*names, 'seq'])}")
    for at, key in enumerate(keys, 1):
        above, kinds = kinds, [below for kind in kinds for below in _below(kind, key)]
        if not kinds and any(map(_is_list, above)):
            whole = ".".join([top, *keys][:at])
            raise ValueError(
                f"{path!r}: {whole} is a list, which has no names in it; write {whole}"
            )
        if not kinds or not key:
            raise ValueError(f"{path!r}: there is no {key!r} in it")


def _fields(kind: inspect.Type) -> Sequence[inspect.Field]:
    return kind.fields if isinstance(kind, inspect.StructType) else ()


def _is_list(kind: inspect.Type) -> bool:
    """Whether a value of this kind is a list, if it is anything."""
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_list, kind.types))
    return isinstance(kind, inspect.ListType) or (
        isinstance(kind, inspect.Metadata) and _is_list(kind.type)
    )


def _below(kind: inspect.Type, key: str) -> Sequence[inspect.Type]:
    """Return what a value of this kind may have under a key."""
    if isinstance(kind, inspect.UnionType):
        return [below for each in kind.types for below in _below(each, key)]
    if isinstance(kind, inspect.Metadata):
        return _below(kind.type, key)
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.RawType | inspect.AnyType | inspect.CustomType):
        return [inspect.AnyType()]
    return [field.type for field in _fields(kind) if field.encode_name == key]
