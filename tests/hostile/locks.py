"""AES-256 as PDF 1.7 (extension level 3) locks files with it. Slow, and only for a few bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

SALT = b"saltsalt"
FILE_KEY = bytes(range(32))
START = bytes(16)


def lock_aes(password: bytes) -> tuple[Callable[[bytes], bytes], bytes]:
    """Return what locks a stream, and the /Encrypt dictionary, for a user's password."""
    user = hashlib.sha256(password + SALT).digest() + SALT * 2
    owner = hashlib.sha256(b"owner" + SALT + user).digest() + SALT * 2
    user_key = _chain(FILE_KEY, hashlib.sha256(password + SALT).digest())
    owner_key = _chain(FILE_KEY, hashlib.sha256(b"owner" + SALT + user).digest())
    permissions = b"\xfc\xff\xff\xff\xff\xff\xff\xffTadb0000"
    entries = (
        "<< /Filter /Standard /V 5 /R 5 /Length 256 /P -4 /StmF /StdCF /StrF /StdCF"
        " /CF << /StdCF << /Type /CryptFilter /CFM /AESV3 /AuthEvent /DocOpen /Length 32 >> >>"
        f" /U <{user.hex()}> /UE <{user_key.hex()}> /O <{owner.hex()}> /OE <{owner_key.hex()}>"
        f" /Perms <{_chain(permissions, FILE_KEY).hex()}> >>"
    )

    def lock(content: bytes) -> bytes:
        filled = 16 - len(content) % 16
        return START + _chain(content + bytes([filled]) * filled, FILE_KEY)

    return lock, entries.encode()


def _chain(content: bytes, key: bytes) -> bytes:
    """Encrypt whole blocks in CBC mode from a block of zeros."""
    words = _round_keys(key)
    before, out = START, b""
    for start in range(0, len(content), 16):
        block = content[start : start + 16]
        before = _block(bytes(a ^ b for a, b in zip(block, before, strict=True)), words)
        out += before
    return out


def _double(value: int) -> int:
    return (value << 1) ^ (0x11B if value & 0x80 else 0)


def _box() -> list[int]:
    """Return the substitution box: inverses in the field of 256, then an affine map."""
    box = [0x63] * 256
    p = q = 1
    while True:
        p ^= _double(p)  # times three
        q ^= q << 1  # divided by three
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        turned = q
        for turn in range(1, 5):
            turned ^= (q << turn | q >> (8 - turn)) & 0xFF
        box[p] = turned ^ 0x63
        if p == 1:
            return box


BOX = _box()


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for number in range(8, 60):
        word = words[-1]
        if number % 8 == 0:
            word = bytes(BOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        elif number % 8 == 4:
            word = bytes(BOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(word, words[-8], strict=True)))
    return [b"".join(words[i : i + 4]) for i in range(0, 60, 4)]


def _block(block: bytes, keys: list[bytes]) -> bytes:
    state = bytes(a ^ b for a, b in zip(block, keys[0], strict=True))
    for number, key in enumerate(keys[1:], start=1):
        state = bytes(BOX[b] for b in state)
        state = bytes(state[(i + 4 * (i % 4)) % 16] for i in range(16))
        if number < len(keys) - 1:
            state = b"".join(_mix(state[i : i + 4]) for i in range(0, 16, 4))
        state = bytes(a ^ b for a, b in zip(state, key, strict=True))
    return state


def _mix(column: bytes) -> bytes:
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[i] ^ total ^ _double(column[i] ^ column[(i + 1) % 4]) for i in range(4))
