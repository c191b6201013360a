"""Sessions and the message tree on a real database."""

import pytest

from workbench.app.errors import SessionError
from workbench.app.events.bus import EventBus
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.sessions import UNTITLED, Sessions, make_title
from workbench.app.store.store import Store
from workbench.tests.integration.chat.kit import add_chain


@pytest.fixture
def kept(store: Store, bus: EventBus) -> tuple[Sessions, Messages]:
    return Sessions(store, bus), Messages(store)


Kept = tuple[Sessions, Messages]


async def test_a_session_is_found_by_its_id_its_beginning_and_its_end(kept: Kept) -> None:
    sessions, _ = kept
    made = await sessions.create("About cats")
    for text in (made.id, made.id[:20], made.id[-6:]):
        assert (await sessions.get(text)).id == made.id
    assert (await sessions.latest()) == await sessions.get(made.id)


async def test_unknown_and_ambiguous_ids_are_named(kept: Kept) -> None:
    sessions, _ = kept
    first = await sessions.create()
    await sessions.create()
    with pytest.raises(SessionError) as missing:
        await sessions.get("nothing-like-that")
    assert missing.value.code == "session.not_found"
    with pytest.raises(SessionError) as several:
        await sessions.get(first.id[:8])
    assert several.value.code == "session.ambiguous"
    with pytest.raises(SessionError):
        await sessions.get("%")


async def test_the_title_follows_the_first_message_until_it_is_renamed(kept: Kept) -> None:
    sessions, messages = kept
    session = await sessions.create()
    assert session.title == UNTITLED
    first = await messages.add(session.id, None, "user", "\n  How do   I\nload a model?", None)
    assert (await sessions.get(session.id)).title == "How do I"
    await sessions.rename(session.id, "Loading")
    await messages.add(session.id, first.id, "user", "Something else", None)
    assert (await sessions.get(session.id)).title == "Loading"
    with pytest.raises(SessionError):
        await sessions.rename(session.id, "  ")


async def test_deleting_takes_the_messages_along(kept: Kept) -> None:
    sessions, messages = kept
    session = await sessions.create()
    message = await messages.add(session.id, None, "user", "x", None)
    reply = await messages.begin_reply(session.id, message.id, model="guide", correlation_id="c")
    await sessions.delete(session.id)
    for gone in (message, reply):
        with pytest.raises(SessionError):
            await messages.get(gone.id)
    assert await sessions.count() == 0


async def test_a_very_long_conversation_can_be_deleted(kept: Kept, store: Store) -> None:
    sessions, messages = kept
    session = await sessions.create()
    head = await add_chain(store, session.id, 5_000)
    assert await messages.depth(head) == 5_000
    assert await messages.depth(None) == 0
    await sessions.delete(session.id)
    assert await messages.path(head) == []
    assert await sessions.count() == 0


async def test_undecodable_text_is_kept_as_far_as_it_can_be(kept: Kept) -> None:
    sessions, _ = kept
    made = await sessions.create("caf\udce9")
    assert made.title == "caf?"
    await sessions.set_draft(made.id, "\udce9!")
    assert (await sessions.get(made.id)).draft == "?!"
    with pytest.raises(SessionError) as missing:
        await sessions.get("\udce9\udce9\udce9\udce9")
    assert missing.value.code == "session.not_found"


async def test_branches_keep_everything_and_the_head_chooses(kept: Kept) -> None:
    sessions, messages = kept
    session = await sessions.create()
    question = await messages.add(session.id, None, "user", "one", None)
    first = await messages.begin_reply(session.id, question.id, model="guide", correlation_id="c1")
    await messages.finish(first.id, "first", "complete", {"reason": "stop"})
    second = await messages.begin_reply(session.id, question.id, model="guide", correlation_id="c2")
    await messages.finish(second.id, "second", "complete", {})
    edited = await messages.add(session.id, None, "user", "two", None)

    assert [m.text for m in await messages.path(edited.id)] == ["two"]
    assert [m.text for m in await messages.path(first.id)] == ["one", "first"]
    assert [m.id for m in await messages.siblings(first)] == [first.id, second.id]
    assert [m.id for m in await messages.siblings(question)] == [question.id, edited.id]

    assert await messages.show(question) == second.id
    assert (await sessions.get(session.id)).head_id == second.id
    assert (await messages.get(first.id)).meta == {"reason": "stop"}


async def test_a_path_can_be_cut_to_its_newest_messages(kept: Kept) -> None:
    sessions, messages = kept
    session = await sessions.create()
    parent: str | None = None
    for number in range(30):
        parent = (await messages.add(session.id, parent, "user", str(number), None)).id
    assert [m.text for m in await messages.path(parent, limit=3)] == ["27", "28", "29"]
    assert len(await messages.path(parent)) == 30
    assert await messages.path(None) == []


async def test_unfinished_replies_are_marked_once(kept: Kept) -> None:
    sessions, messages = kept
    session = await sessions.create()
    question = await messages.add(session.id, None, "user", "one", None)
    reply = await messages.begin_reply(session.id, question.id, model="guide", correlation_id="c")
    await messages.save_partial(reply.id, "half of")
    [found] = await messages.recover()
    assert (found.id, found.text, found.status) == (reply.id, "half of", "interrupted")
    assert await messages.recover() == []
    await messages.save_partial(reply.id, "too late")
    assert (await messages.get(reply.id)).text == "half of"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", UNTITLED),
        (" \n\t\n", UNTITLED),
        ("short", "short"),
        ("word " * 40, "word word word word word word word word word word word…"),
        ("x" * 200, "x" * 59 + "…"),
        ("\n" * 50_000 + "late" + "\nx" * 50_000, "late"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_titles_are_one_short_line(text: str, title: str) -> None:
    assert make_title(text) == title
