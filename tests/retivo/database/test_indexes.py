"""Each index costs each write, so none is there that another serves for."""

from tests.owner import as_owner

_SERVED_BY_ANOTHER = """
    SELECT i.indexrelid::regclass::text FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_index other ON other.indrelid = i.indrelid AND other.indexrelid <> i.indexrelid
        AND other.indpred IS NULL AND other.indkey[0] = i.indkey[0] AND other.indkey[0] <> 0
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
        AND c.relname !~ '^(auth|axes|django|otp|procrastinate)_'
        AND i.indnatts = 1 AND NOT i.indisunique AND i.indpred IS NULL
        AND i.indclass[0] = other.indclass[0]
"""
# Django adds one to each text that is a key or in a foreign key. No statement of ours has LIKE.
_FOR_LIKE = """
    SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_opclass o ON o.oid = i.indclass[0]
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '^(auth|axes|django|otp|procrastinate)_'
        AND o.opcname LIKE '%pattern_ops' AND i.indrelid <> 'tenants_taskrun'::regclass
"""


def test_indexes__of_one_column__are_not_the_beginning_of_another() -> None:
    assert as_owner(_SERVED_BY_ANOTHER) == []


def test_indexes__for_like__serve_nobody_and_are_not_there() -> None:
    assert as_owner(_FOR_LIKE) == []
