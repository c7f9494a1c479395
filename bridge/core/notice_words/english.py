"""What notices of trouble say in English."""

from __future__ import annotations

from bridge.core.notice_words.said import Said
from bridge.core.trouble import Trouble

ENGLISH: Said = {
    (Trouble.PARKED, False): (
        "Messages of the rule {subject} cannot be made",
        "Since {since}, messages of the rule '{subject}' have been put aside: {why}.",
        "They are kept.",
        "You are told once, however many follow.",
        "See them, mend the cause, and send them:",
    ),
    (Trouble.PARKED, True): (
        "No more messages of the rule {subject} are put aside",
        "For an hour no message of the rule '{subject}' has been put aside.",
        "Since {since} there were {count}.",
        "Those that you have not sent or discarded are still kept:",
    ),
    (Trouble.ENTRIES, False): (
        "Events from {subject} cannot be processed",
        "Since {since}, events from the source '{subject}' have been put aside: {why}.",
        "They were answered 200, and are kept as they came.",
        "You are told once, however many follow.",
        "See them, mend the cause, and take them through the rules:",
    ),
    (Trouble.ENTRIES, True): (
        "No more events from {subject} are put aside",
        "For an hour no event from the source '{subject}' has been put aside.",
        "Since {since} there were {count}.",
        "Those that you have not replayed are still kept:",
    ),
    (Trouble.DEAD, False): (
        "Messages through {subject} are being given up",
        "Since {since}, messages through the channel '{subject}' have been given up: {why}.",
        "They are kept.",
        "You are told once, however many follow.",
        "See them, mend the cause, and send them again:",
    ),
    (Trouble.DEAD, True): (
        "No more messages through {subject} are given up",
        "For an hour no message through the channel '{subject}' has been given up.",
        "Since {since} there were {count}.",
        "Those that you have not sent again or discarded are still kept:",
    ),
    (Trouble.PAUSED, False): (
        "The channel {subject} is paused",
        "Since {since}, the destination of the channel '{subject}' has not been working: {why}.",
        "Messages that wait: {waiting}.",
        "None is lost.",
        "The bridge keeps trying, and tells you when it works again.",
    ),
    (Trouble.PAUSED, True): (
        "The channel {subject} works again",
        "The channel '{subject}' works again.",
        "Between {since} and {ended} it did not, or only now and then.",
        "Messages that waited and go out now, or at their next attempt: {waiting}.",
    ),
    (Trouble.STOPPED, False): (
        "The channel {subject} is stopped and needs you",
        "Since {since}, the destination of the channel '{subject}' takes nothing at all: {why}.",
        "Messages that wait for you: {waiting}.",
        "None is lost.",
        "When the cause is mended, let the channel go on:",
    ),
    (Trouble.STOPPED, True): (
        "The channel {subject} works again",
        "The channel '{subject}' may send again.",
        "It was stopped from {since} to {ended}.",
        "Messages that waited and go out now: {waiting}.",
    ),
    (Trouble.REFUSED, False): (
        "Events for {subject} are refused: their signature is wrong",
        "Since {since}, requests to the source '{subject}' have had a signature that does not match: {why}.",
        "They were answered 401 and are not stored.",
        "If the platform sent them, it may soon stop sending.",
        "Compare the secret in its console with the one of this source.",
    ),
    (Trouble.REFUSED, True): (
        "No more events for {subject} are refused",
        "For an hour no request to the source '{subject}' has had a wrong signature.",
        "Since {since} there were {count}.",
    ),
    (Trouble.STORE, False): (
        "The store cannot be written",
        "Since {since}, the store cannot be written: {why}.",
    ),
    (Trouble.STORE, True): (
        "The store could not be written",
        "From {since} to {ended} the store could not be written: {why}.",
        "It works again.",
        "Requests were answered 503 meanwhile, so that platforms send them again.",
        "Look whether the disk is full.",
    ),
    (Trouble.CONFIGURATION, False): (
        "{subject} is broken",
        "Since {since}, {subject} cannot be used: {why}.",
        "The configuration from before goes on, and nothing is lost.",
        "As soon as the file is mended it is taken up, without a restart; this shows every problem:",
    ),
    (Trouble.CONFIGURATION, True): (
        "{subject} is good again",
        "{subject} has been used again since {ended}.",
        "It was broken since {since}: {why}.",
    ),
    (Trouble.WAITING, False): (
        "Nothing is sent: {subject} is broken",
        "Since {since}, the bridge runs without a configuration, because {subject} cannot be used: {why}.",
        "Events are accepted and stored, and wait; messages that were not sent yet wait, too.",
        "Nothing is lost, but nobody gets anything.",
        "As soon as the file is mended all of it goes on, without a restart; this shows every problem:",
    ),
    (Trouble.WAITING, True): (
        "{subject} is good again, and what waited is sent",
        "{subject} has been used again since {ended}, and the messages that waited go out now.",
        "Nothing was sent since {since}: {why}.",
    ),
    (Trouble.RULE, False): (
        "The rule {subject} is paused: shall its messages go out?",
        "Since {since}, the rule '{subject}' is paused, because it wanted to send more than it may: {why}.",
        "Messages that are kept so far: {waiting}.",
        "Neither these nor those that follow are sent until you decide.",
        "You are asked once.",
        "Look at them, then send all of them, or give all of them up; either way the rule works again:",
    ),
    (Trouble.RULE, True): (
        "The rule {subject} works again",
        "Somebody has decided about the messages of the rule '{subject}', and it works again.",
        "It was paused from {since} to {ended}.",
    ),
    (Trouble.UNLISTED, False): (
        "A module is not in the catalogue: {subject}",
        "On {since}, an event told of a module that `courses:` does not list: {subject}.",
        "Until it is listed it does not count in any learner's progress.",
        "If it belongs to the course, add it in its place to config.yaml.",
        "As the last one, it would be {why}.",
    ),
}
