#!/usr/bin/env python3
"""page.py FILE: an HTML page keeps what accessibility asks of it: language, title, viewport, headings in order, every SVG image with
a title and a description, tables with caption and scopes, unique ids, tags that match, and text colours with enough contrast.
Prints what is wrong and ends with 1."""
import html.parser
import re
import sys

VOID = {"meta", "link", "br", "img", "hr", "input"}
problems = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.level, self.seen, self.images = [], set(), 0, set(), []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.seen.add(tag)
        if tag == "html" and not values.get("lang"):
            problems.append("html has no lang")
        if tag == "meta" and values.get("name") == "viewport":
            self.seen.add("viewport")
        if "id" in values:
            if values["id"] in self.ids:
                problems.append(f"id {values['id']} twice")
            self.ids.add(values["id"])
        if re.fullmatch("h[1-6]", tag):
            level = int(tag[1])
            if level > self.level + 1:
                problems.append(f"{tag} after h{self.level}")
            self.level = level
        if tag == "svg":
            self.images.append(values.get("aria-labelledby", "").split())
            if values.get("role") != "img" or len(self.images[-1]) != 2:
                problems.append("an svg without role and labels")
        if tag == "th" and "scope" not in values:
            problems.append("a th without scope")
        if tag == "table":
            self.caption = False
        if tag == "caption":
            self.caption = True
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            problems.append(f"</{tag}> closes something else, line {self.getpos()[0]}")
        if tag == "table" and not self.caption:
            problems.append("a table without caption")


def luminance(color):
    parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
problems += [f"{tag} is missing" for tag in ("title", "main", "header", "h1", "viewport") if tag not in page.seen]
problems += [f"<{tag}> is never closed" for tag in page.stack]
problems += [f"no element {name} for a label" for image in page.images for name in image if name not in page.ids]
for color in set(re.findall(r"(?<![-a-z])color:(#[0-9a-f]{6})", text)):
    for ground in ("#ffffff", "#f6f7f5", "#fff4e0"):
        ratio = (luminance(ground) + 0.05) / (luminance(color) + 0.05)
        if ratio < 4.5:
            problems.append(f"{color} on {ground}: contrast {ratio:.2f}, below 4.5")
print("\n".join(problems))
sys.exit(bool(problems) or not page.images)
