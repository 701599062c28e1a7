"""The numbers of the key exchange: the group that every client knows, and small primes for clients to factorise."""

import secrets
from typing import Final

GENERATOR: Final = 3
# The prime that Telegram's servers have used for years; some clients refuse every other one.
DH_PRIME: Final = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F"
    "48198A0AA7C14058229493D22530F4DBFA336F6E0AC925139543AED44CCE7C37"
    "20FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4"
    "A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754"
    "FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F"
    "0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
_WITNESSES: Final = (2, 3, 5, 7)  # Enough below 3.2 * 10^9 (Jaeschke 1993).


def is_small_prime(number: int) -> bool:
    """Whether an odd number below 2^31 is prime, surely (Miller-Rabin with fixed bases)."""
    if number in _WITNESSES:
        return True
    if number < 2 or not all(number % small for small in _WITNESSES):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, base, odd, twos) for base in _WITNESSES)


def _passes(number: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


def two_primes() -> tuple[int, int]:
    """Two primes, the smaller one first: of 16 and of 31 bits.

    Clients find them in about as many steps as the root of the smaller one. Telegram makes that work, to guard
    itself; here it would only keep rehearsals waiting.
    """
    return _prime(16), _prime(31)


def _prime(bits: int) -> int:
    while True:
        candidate = secrets.randbits(bits - 1) | 1 << bits - 1 | 1
        if is_small_prime(candidate):
            return candidate


def secret_exponent() -> int:
    """Ours in the exchange: as long as `DH_PRIME` needs (RFC 7919, section 5.2: 225 bits or more), and no longer."""
    return secrets.randbits(256) | 1 << 255
