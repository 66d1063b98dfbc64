"""One instance token by token, in plain Python: what the compiled clock must answer without its short cuts.

Every answer's length, blocks and end are looked at in every step; the clock keeps counts by the step at which
something happens. Chunked prompts, answers first, recomputation of who must make room.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Request:
    arrival: float
    prompt: int
    output: int
    done: int = 0
    cached: int = 0
    blocks: int = 0
    target: int = 0
    first: float = 0.0
    last: float = 0.0
    preempted: int = 0


@dataclass
class Instance:
    most: int
    budget: int
    capacity: int
    block: int
    token_s: float
    step_s: float
    answers: list[Request] = field(default_factory=list)
    prompts: list[Request] = field(default_factory=list)
    waiting: list[Request] = field(default_factory=list)

    def needed(self, tokens: int) -> int:
        return -(-tokens // self.block)

    @property
    def free(self) -> int:
        return self.capacity - sum(r.blocks for r in self.answers + self.prompts)

    def make_room(self) -> None:
        while self.answers:
            need = sum(self.needed(r.cached + 1) - r.blocks for r in self.answers)
            if need <= self.free:
                for r in self.answers:
                    r.blocks = self.needed(r.cached + 1)
                return
            last = max(self.answers + self.prompts, key=lambda r: r.arrival)
            (self.answers if last in self.answers else self.prompts).remove(last)
            last.cached = last.blocks = 0
            last.target = last.prompt + last.done
            last.preempted += 1
            self.waiting.insert(0, last)


def run(instance: Instance, requests: list[Request]) -> None:
    """Serve all; their times are left in the requests."""
    coming = list(requests)
    now = 0.0
    while coming or instance.waiting or instance.prompts or instance.answers:
        while coming and coming[0].arrival <= now:
            coming[0].target = coming[0].prompt
            instance.waiting.append(coming.pop(0))
        instance.make_room()
        left = instance.budget - len(instance.answers)
        pieces = []
        for r in instance.prompts:
            piece = min(r.target - r.cached, left)
            pieces.append((r, piece))
            left -= piece
        while instance.waiting and left > 0 and len(instance.answers) + len(instance.prompts) < instance.most:
            r = instance.waiting[0]
            if instance.needed(r.target) > instance.free:
                break
            instance.waiting.pop(0)
            r.blocks = instance.needed(r.target)
            instance.prompts.append(r)
            pieces.append((r, min(r.target, left)))
            left -= pieces[-1][1]
        tokens = len(instance.answers) + sum(piece for _, piece in pieces)
        if tokens == 0:
            now = coming[0].arrival
            continue
        now += instance.step_s + instance.token_s * tokens
        for r in list(instance.answers):
            r.cached += 1
            r.done += 1
            if r.done == r.output:
                r.last = now
                instance.answers.remove(r)
        for r, piece in pieces:
            r.cached += piece
            if r.cached == r.target:
                instance.prompts.remove(r)
                r.done += 1
                r.first = r.first or now
                if r.done == r.output:
                    r.last = now
                else:
                    instance.answers.append(r)
