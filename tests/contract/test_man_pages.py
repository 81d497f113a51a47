# SPDX-License-Identifier: Apache-2.0
"""The man pages name every option, command, exit code and configuration key that there is, and no other; the pages that
list D-Bus errors list all of doed's. That of the D-Bus contract has every member of it."""

import itertools
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from harness import BUILD, DOED, PATIENCE_S, TOP, run_doed, write_json

DOECTL = BUILD / "lib" / "client" / "doectl"
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-zA-Z](?![\w-]))")


def help_of(*command):
    ended = subprocess.run([*command, "--help"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                           check=True)
    return ended.stdout


def helped_options(text):
    """The options that a help text lists: each line of its list begins with one."""
    lines = re.findall(r"^  (-\S+)", text, re.MULTILINE)
    return {option for line in lines for option in OPTION.findall(line.replace(",", " "))}


def helped_commands(text):
    return set(re.findall(r"^  ([a-z]+) ", text.partition("\nCommands:\n")[2].partition("\n\n")[0], re.MULTILINE))


def helped_exit_codes(text):
    return set(re.findall(r"^  (\d+)  ", text.partition("Exit codes:\n")[2], re.MULTILINE))


class Page:
    """A man page's source: sections of terms, each with its description."""

    def __init__(self, name):
        self.text = (TOP / "docs" / "man" / f"{name}.scd").read_text(encoding="utf-8")

    def sections(self):
        return re.findall(r"^# (.+)$", self.text, re.MULTILINE)

    def entries(self, section):
        """term -> description, in the order of the page"""
        body = re.search(rf"^# {re.escape(section)}\n(.*?)(?=^# |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert body, f"the page has no section {section}"
        return dict(re.findall(r"^(\S.*)\n((?:\t.*\n|\n(?=\t))+)", body.group(1), re.MULTILINE))

    def options(self, section):
        return {option for term in self.entries(section) for option in OPTION.findall(term.replace("*", " "))}

    def words(self, section):
        """The first word of each term."""
        return {re.match(r"\*(\w+)\*", term).group(1) for term in self.entries(section)}


# --- Programs ----------------------------------------------------------------------------------------


def test_the_options_of_doed():
    assert Page("doed.8").options("OPTIONS") == helped_options(help_of(DOED))


def test_the_options_and_exit_codes_of_doed_opener():
    help_text = help_of(BUILD / "daemon" / "doed-opener")
    page = Page("doed-opener.8")
    assert page.options("OPTIONS") == helped_options(help_text)
    assert page.words("EXIT STATUS") == helped_exit_codes(help_text)


def test_the_options_of_doectl():
    assert Page("doectl.1").options("OPTIONS") == helped_options(help_of(DOECTL))


def test_the_commands_of_doectl():
    commands = helped_commands(help_of(DOECTL))
    assert len(commands) >= 4
    assert Page("doectl.1").words("COMMANDS") == commands


def test_the_commands_of_commands():
    terms = " ".join(Page("doectl.1").entries("COMMANDS"))
    nested = [words for words in all_commands() if len(words) == 2]
    assert nested == [["cdat", "build"]]
    for words in nested:
        assert " ".join(f"*{word}*" for word in words) in terms


def all_commands():
    """Commands and the commands of commands, as lists of words."""
    for command in helped_commands(help_of(DOECTL)):
        yield [command]
        for nested in helped_commands(help_of(DOECTL, command)):
            yield [command, nested]


def test_the_options_of_each_command():
    page = Page("doectl.1")
    sections = set()
    for words in all_commands():
        own = helped_options(help_of(DOECTL, *words)) - {"-h", "--help"}
        if own:
            section = " ".join(["OPTIONS OF", *words]).upper()
            sections.add(section)
            assert page.options(section) == own
    assert {section for section in page.sections() if section.startswith("OPTIONS OF ")} == sections


@pytest.mark.parametrize("name,program", [("doed.8", DOED), ("doectl.1", DOECTL)])
def test_the_exit_codes(name, program):
    codes = helped_exit_codes(help_of(program))
    assert "0" in codes
    assert Page(name).words("EXIT STATUS") == codes


# --- Configuration -----------------------------------------------------------------------------------


def refusal(tmp_path, configuration):
    """What doed says about a configuration that is wrong."""
    code, lines = run_doed("--check-config", "--config", write_json(tmp_path / "doed.json", configuration))
    assert (code, len(lines)) == (2, 1), lines
    return lines[0]


def at_top(configuration):
    return configuration


def at_device(configuration):
    return {"devices": {"0000:0d:00.0": configuration}}


PLACES = pytest.mark.parametrize("section,place", [("KEYS", at_top), ("KEYS OF A DEVICE", at_device)])


@PLACES
def test_every_key_of_the_configuration(tmp_path, section, place):
    known = refusal(tmp_path, place({"no such key": 0})).partition("known here are ")[2]
    assert Page("doed.json.5").words(section) == set(re.findall(r'"(\w+)"', known))


@PLACES
def test_every_key_says_what_it_takes(tmp_path, section, place):
    """What doed says that it expects in place of null is in the key's description."""
    for term, description in Page("doed.json.5").entries(section).items():
        key = term.strip("*")
        expected = re.search(r": expected (.*), found null$", refusal(tmp_path, place({key: None}))).group(1)
        if expected.startswith("a whole number"):
            assert re.match(rf"Number, {expected.partition(' from ')[2]}\b", description.lstrip()), key
        elif expected.startswith("one of "):
            assert set(re.findall(r'"(\w+)"', expected)) <= set(re.findall(r"_(\w+)_", description)), key
        elif expected == "true or false":
            assert description.lstrip().startswith("Boolean, _true_ or _false_."), key
        else:
            assert description.lstrip().lower().startswith(expected.split()[-1]), key


def test_every_key_has_a_default():
    page = Page("doed.json.5")
    for section in ("KEYS", "KEYS OF A DEVICE"):
        for term, description in page.entries(section).items():
            assert "Default: " in " ".join(description.split()), term


@pytest.mark.parametrize("page,start", [("docs/man/doed.json.5.scd", r"^# EXAMPLE\n.*?^```"), ("README.md", "^```json")])
def test_the_example_is_a_good_configuration(tmp_path, page, start):
    text = (TOP / page).read_text(encoding="utf-8")
    path = tmp_path / "doed.json"
    path.write_text(re.search(rf"{start}\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1))
    assert run_doed("--check-config", "--config", path) == (0, [])


# --- The contract ------------------------------------------------------------------------------------

INTERFACES = sorted((TOP / "dbus").glob("org.doed1.*.xml"))
TITLES = {"method": "Methods", "signal": "Signals", "property": "Properties"}


def make_contract_page(*arguments):
    return subprocess.run([TOP / "docs" / "make_contract_page", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)


class ContractPage(Page):
    """org.doed1(5) as it is built."""

    def __init__(self):
        made = make_contract_page(TOP / "docs" / "man" / "org.doed1.5.scd.in", *INTERFACES)
        assert made.returncode == 0, made.stderr
        self.text = made.stdout

    def members(self, interface, kind):
        """term -> description of the methods, signals or properties of an interface"""
        found = re.search(rf"^## {TITLES[kind]} of {re.escape(interface)}\n(.*?)(?=^#|\Z)", self.text,
                          re.MULTILINE | re.DOTALL)
        return dict(re.findall(r"^(\S.*)\n((?:\t.*\n|\n(?=\t))+)", found.group(1), re.MULTILINE)) if found else {}


def contract():
    """(interface, kind, element) of each member of each interface"""
    for path in INTERFACES:
        interface = ElementTree.parse(path).getroot().find("interface")
        for kind in TITLES:
            for element in interface.findall(kind):
                yield interface.get("name"), kind, element


def test_every_method_signal_and_property_of_the_contract():
    page = ContractPage()
    for (interface, kind), group in itertools.groupby(contract(), lambda member: member[:2]):
        elements = [element for _, _, element in group]
        members = page.members(interface, kind)
        assert [re.match(r"\*(\w+)\*", term).group(1) for term in members] == [
            element.get("name") for element in elements], interface
        for element, (term, description) in zip(elements, members.items()):
            types = [element.get("type")] if kind == "property" else [arg.get("type") for arg in element.findall("arg")]
            for word in types:
                assert word in term, term
            for arg in element.findall("arg"):
                assert f"_{arg.get('name')}_" in term
            assert len(description.split()) >= 3, term
    assert {"org.doed1.Manager", "org.doed1.Device", "org.doed1.Mailbox", "org.doed1.Cdat"} <= set(page.sections())


def test_the_page_says_of_each_method_who_may_call_it():
    access = ContractPage().text.partition("\n# ACCESS\n")[2].partition("\n# ")[0]
    rows = set(re.findall(r"_(\w+)_", " ".join(re.findall(r"^\|  .*$", access, re.MULTILINE))))
    assert rows == {element.get("name") for _, kind, element in contract() if kind == "method"}


def test_the_page_has_every_option_of_methods():
    source = (TOP / "lib" / "base" / "dbus_names.hpp").read_text(encoding="utf-8")
    known = set(re.findall(r'\boption_\w+\[\] =\s+"([\w-]+)"', source))
    assert {"deadline-usec", "interactive", "refresh"} <= known
    assert {re.match(r"\*([\w-]+)\*", term).group(1) for term in ContractPage().entries("OPTIONS")} == known


def test_the_page_has_every_error():
    assert ContractPage().words("ERRORS") == rows_of_errors("docs/dbus-api.md")


def test_a_member_without_a_comment_is_an_error(tmp_path):
    interface = tmp_path / "org.doed1.Bare.xml"
    interface.write_text('<node><!-- An interface. --><interface name="org.doed1.Bare">'
                         '<!-- A method. --><method name="Said"/><method name="Unsaid"/></interface></node>')
    made = make_contract_page(TOP / "docs" / "man" / "org.doed1.5.scd.in", interface)
    assert made.returncode != 0
    assert made.stderr == "make_contract_page: org.doed1.Bare: method Unsaid has no comment\n"


def test_the_page_is_a_man_page():
    made = subprocess.run([shutil.which("scdoc")], input=ContractPage().text, stdout=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=True)
    assert made.stdout.count(".SH ") >= 10
    assert re.search(r"\\fBGetTableFd\\fR\(a\{sv\} \\fIoptions\\fR\) -> h \\fItable\\fR", made.stdout)


# --- Each other --------------------------------------------------------------------------------------

PAGES = {"doed.8", "doectl.1", "doed.json.5", "doed-opener.8", "org.doed1.5", "libdoed.3"}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_names_the_others(name):
    page = ContractPage() if name == "org.doed1.5" else Page(name)
    named = re.findall(r"\*([\w.-]+)\*\((\d)\)", page.text.partition("\n# SEE ALSO\n")[2])
    assert PAGES - {name} <= {f"{title}.{section}" for title, section in named}


# --- Errors ------------------------------------------------------------------------------------------


def errors_in_code():
    """The names that doed answers with: its own, and those of the bus but for Failed."""
    source = (TOP / "daemon" / "bus" / "errors.cpp").read_text(encoding="utf-8")
    ours = set(re.findall(r'"org\.doed1\.Error\.(\w+)"', source))
    foreign = set(re.findall(r'"org\.freedesktop\.DBus\.Error\.(\w+)"', source)) - {"Failed"}
    assert len(ours) > 10
    return ours, foreign


def errors_that_clients_know():
    """The names that doectl has advice for and libdoed a number: what doed answers with, and what comes from the bus or from
    a client's own library."""
    advised = (TOP / "lib" / "client" / "failure.cpp").read_text(encoding="utf-8")
    numbered = (TOP / "lib" / "client" / "libdoed" / "errors.cpp").read_text(encoding="utf-8")
    names = set(re.findall(r'"org\.(?:doed1|freedesktop\.DBus)\.Error\.(\w+)"', advised))
    names |= set(re.findall(r'^    \{"(\w+)", E\w+\},$', numbered, re.MULTILINE))
    assert {"Busy", "Failed", "Disconnected", "NoMemory"} <= names
    return names | {"Spawn"}


def errors_in_handlers():
    """The names that parts of doed put into answers by themselves."""
    texts = [path.read_text(encoding="utf-8") for path in (TOP / "daemon").rglob("*.?pp")]
    return {name for text in texts for name in re.findall(r'make_error\("[\w.]+\.Error\.(\w+)"', text)}


def rows_of_errors(page):
    """The errors that a page has rows for, in its tables whose first column they are."""
    text = (TOP / page).read_text(encoding="utf-8")
    tables = re.findall(r"^\| (?:Error|Name) \| Meaning \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = re.findall(r"^\| (.*?) \|", "".join(tables), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([A-Z]\w+)(?:\.NAME)?`", cell)}


@pytest.mark.parametrize("page", ["README.md", "docs/dbus-api.md"])
def test_every_error_has_its_row(page):
    ours, foreign = errors_in_code()
    rows = rows_of_errors(page)
    assert "Failed" in errors_in_handlers()
    assert (ours | foreign | errors_in_handlers() | errors_that_clients_know()) - rows == set()
    text = (TOP / page).read_text(encoding="utf-8")
    assert set(re.findall(r"org\.doed1\.Error\.([A-Z][a-z]\w+)", text)) <= ours


def test_the_pages_have_rows_for_the_same_errors():
    assert rows_of_errors("README.md") == rows_of_errors("docs/dbus-api.md")


def test_every_error_has_advice():
    """doectl says what to do next for each error that doed answers with."""
    named = re.compile(r'"(org\.(?:doed1|freedesktop\.DBus)\.Error\.\w+)"')
    answered = set(named.findall((TOP / "daemon" / "bus" / "errors.cpp").read_text(encoding="utf-8")))
    known = set(named.findall((TOP / "lib" / "client" / "failure.cpp").read_text(encoding="utf-8")))
    assert len(answered) > 15
    assert answered <= known
