"""How much one value of a row may hold. Migration 0006 has the same bounds as CHECK constraints, and the last word.

For those who store what somebody else wrote long ago and have to say what did not fit, instead of failing over it.
"""

#: Of a name, a user name, an address, a response's id, a sealed value: in bytes of UTF-8.
MOST_BYTES = 65_536
#: Of a text that may be sealed, too, which adds the key's number, a nonce and a tag.
MOST_TEXT_BYTES = MOST_BYTES - 64
#: Of a contact's profile data, in bytes as PostgreSQL writes jsonb.
MOST_PROFILE_BYTES = 1_048_576
#: A value inside of so many others is the last one that readers of JSON go down to.
DEEPEST = 100
#: Above it, jsonb keeps numbers in a few bytes that are written in thousands.
GREATEST_NUMBER = 10**300
#: In characters. A name is part of an index, whose rows hold far less than the table's.
LONGEST_METRIC_NAME = 200
