"""Byte-level BPE with the `smollm` pre-tokenization, and the chat template, from a file's metadata."""
import jinja2
import regex

CONTROL = 3
# Digits alone, then GPT-2's pattern.
DIGIT = regex.compile(r"\p{N}")
WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def byte_letters():
    """GPT-2's printable letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + extra)
            extra += 1
    return letters


LETTERS = byte_letters()


def words(text):
    """The pieces within which merges happen."""
    at = 0
    for digit in DIGIT.finditer(text):
        yield from WORD.findall(text[at:digit.start()])
        yield digit.group()
        at = digit.end()
    yield from WORD.findall(text[at:])


class Tokenizer:
    def __init__(self, metadata):
        self.metadata = metadata
        self.tokens = metadata["tokenizer.ggml.tokens"]
        self.ids = {token: at for at, token in enumerate(self.tokens)}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(metadata["tokenizer.ggml.merges"])}
        control = [t for t, kind in zip(self.tokens, metadata["tokenizer.ggml.token_type"]) if kind == CONTROL]
        self.control = regex.compile("|".join(map(regex.escape, sorted(control, key=len, reverse=True))))

    def encode(self, text, with_control):
        out, at = [], 0
        for special in self.control.finditer(text) if with_control else []:
            out += self.plain(text[at:special.start()]) + [self.ids[special.group()]]
            at = special.end()
        return out + self.plain(text[at:])

    def plain(self, text):
        return [self.ids[piece] for word in words(text) for piece in self.merge([LETTERS[b] for b in word.encode()])]

    def merge(self, pieces):
        while len(pieces) > 1:
            rank, at = min((self.ranks.get(pair, 1 << 30), at) for at, pair in enumerate(zip(pieces, pieces[1:])))
            if rank == 1 << 30:
                break
            pieces = pieces[:at] + [pieces[at] + pieces[at + 1]] + pieces[at + 2:]
        return pieces

    def chat(self, prompt):
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string(self.metadata["tokenizer.chat_template"])
        name = lambda key: self.tokens[self.metadata[f"tokenizer.ggml.{key}_token_id"]]
        return template.render(messages=[{"role": "user", "content": prompt}], add_generation_prompt=True,
                               bos_token=name("bos"), eos_token=name("eos"))
