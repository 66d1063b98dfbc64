"""One question to an endpoint that speaks OpenAI's chat completions, over plain HTTP."""

from __future__ import annotations

import http.client
import json
import os
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from cosearch.errors import AgentError

URL, MODEL, KEY = "COSEARCH_LLM_URL", "COSEARCH_LLM_MODEL", "COSEARCH_LLM_KEY"
REFUSALS = (401, 403)
MOST_BYTES = 1_000_000


class ChatError(Exception):
    """An endpoint that did not answer, in one line without the key.

    Attributes:
        refused: whether it wants another key, so that asking again is no use.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Endpoint:
    """Where a language model answers.

    Attributes:
        url: up to and without `/chat/completions`.
        model: its name there.
        key: sent as a bearer token if it is not empty; shown nowhere.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)

    @classmethod
    def of_environment(cls, agent: str) -> Endpoint:
        """The one that the environment names.

        Raises:
            AgentError: it names none, or one that is no HTTP address.
        """
        url, model = os.environ.get(URL, "").strip(), os.environ.get(MODEL, "").strip()
        for name, value in ((URL, url), (MODEL, model)):
            if not value:
                raise AgentError(
                    f"agent {agent} needs {name} in the environment: the address (and {MODEL}, the model) of "
                    "an endpoint that speaks OpenAI's chat completions, such as http://localhost:8000/v1"
                )
        if not url.startswith(("http://", "https://")):
            raise AgentError(f"agent {agent}: {URL} must begin with http:// or https://")
        key = os.environ.get(KEY, "").strip()
        if not (key.isascii() and (key.isprintable() or not key) and " " not in key):
            raise AgentError(f"agent {agent}: {KEY} must be one line of ASCII without spaces")
        if "@" in url or " " in url or not url.isprintable():
            raise AgentError(
                f"agent {agent}: {URL} must have no password and no spaces; a key goes into {KEY}"
            )
        return cls(url.rstrip("/"), model, key)

    def answer(self, question: str, *, temperature: float, seed: int, timeout_s: float) -> str:
        """The answer to one question, within a time.

        Raises:
            ChatError: what went wrong.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": temperature,
            "seed": seed,
        }
        found: list[str | ChatError] = []
        # in a thread, because an endpoint that sends a byte now and then outlives every socket's own timeout
        thread = threading.Thread(target=lambda: found.append(self._try(body, timeout_s)), daemon=True)
        thread.start()
        thread.join(timeout_s)
        if not found:
            raise ChatError(f"no answer within {timeout_s:g} s")
        if isinstance(found[0], ChatError):
            raise found[0]
        return found[0]

    def _try(self, body: dict[str, Any], timeout_s: float) -> str | ChatError:
        try:
            return self._send(body, timeout_s)
        except ChatError as error:
            return error
        except (ValueError, http.client.InvalidURL) as error:  # of our request: it quotes what we send
            return ChatError(f"the request cannot be sent ({type(error).__name__}): check {URL} and {KEY}")
        except Exception as error:  # whatever a stranger's server makes of HTTP
            return ChatError(self._clean(f"{type(error).__name__}: {error}"))

    def _send(self, body: dict[str, Any], timeout_s: float) -> str:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            f"{self.url}/chat/completions", json.dumps(body).encode(), headers, method="POST"
        )
        opener = urllib.request.build_opener(_NoRedirect)  # a redirect would take the key elsewhere
        try:
            with opener.open(request, timeout=timeout_s) as response:
                text = response.read(MOST_BYTES).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            if error.code in REFUSALS:
                raise ChatError(
                    f"the endpoint refuses the key (HTTP {error.code}): check {KEY}", refused=True
                ) from None
            raise ChatError(f"the endpoint answers HTTP {error.code}") from None
        except (TimeoutError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            late = isinstance(reason, TimeoutError)
            raise ChatError(
                f"no answer within {timeout_s:g} s" if late else self._clean(f"cannot reach it: {reason}")
            ) from None
        try:
            return self._clean(str(json.loads(text)["choices"][0]["message"]["content"]))
        except (ValueError, KeyError, IndexError, TypeError):
            raise ChatError("the answer is no chat completion") from None

    def _clean(self, text: str) -> str:
        """The text without the key, which a server may send back."""
        return text.replace(self.key, "***") if self.key else text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
