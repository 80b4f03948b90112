"""What an entry of a suite's ``methods`` names: ``sdec``, ``sdec@stable``, ``lab/mine.py:Class``, ``pkg.mod:Class``."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A plugin's file, or a class in it, optionally with a preset; a folder's name may hold an @ as well.
_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<member>\w+))?(?:@(?P<preset>[^@/]+))?")


@dataclass(frozen=True)
class MethodSpec:
    """An entry of ``methods``, or the ``source`` of a method, taken apart.

    Attributes
    ----------
    name : str
        Name of a registered method; empty where a file or a module is named.
    file : str
        Path of a plugin's file, as it was written; empty where there is none.
    module : str
        Module of ``pkg.mod:Class``; empty where there is none.
    member : str
        Class, or ``MethodInfo``, of the file or module; empty for the file's ``info``.
    preset : str
        Empty where the entry names none.
    """

    name: str = ""
    file: str = ""
    module: str = ""
    member: str = ""
    preset: str = ""

    @classmethod
    def parse(cls, text: str) -> MethodSpec:
        """Take an entry apart; every text is one, though it may name nothing that exists."""
        match = _FILE.fullmatch(text)
        if match:
            return cls(file=match["file"], member=match["member"] or "", preset=match["preset"] or "")
        method, _, preset = text.partition("@")
        module, colon, member = method.partition(":")
        return cls(module=module, member=member, preset=preset) if colon else cls(name=method, preset=preset)

    @property
    def method(self) -> str:
        """The entry without its preset."""
        place = self.file or self.module
        return f"{place}:{self.member}" if place and (self.member or self.module) else place or self.name

    @property
    def entry(self) -> str:
        """The entry as it is written in a suite."""
        return f"{self.method}@{self.preset}" if self.preset else self.method

    @property
    def is_plugin(self) -> bool:
        """Whether it names code by its place instead of a registered method."""
        return bool(self.file or self.module)

    @property
    def is_built_in(self) -> bool:
        """Whether it is the source of a method of the package ``methods``."""
        return self.module.startswith("methods.")

    def may_be_called(self, name: str) -> bool:
        """Tell whether a key of ``set`` or ``grid`` may concern this entry.

        The name of the method in a file is known only once the file is run, and reading a suite runs nothing.
        """
        return bool(self.file) or name in (self.entry, self.method)
