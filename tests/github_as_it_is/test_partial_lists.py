"""Partial lists; tests/bot/rules/triage and tests/luggage/github have their siblings."""

from luggage.fake_github import ChangedFile, faults

FILE = ".github/bot.toml"


def test_a_cut_list_of_files_takes_no_label_off(scene):
    """GitHub counts 3,400 files and lists fewer: the label by path stays."""
    github, repo = scene.github, scene.repo
    settings = '[label]\nenabled = true\npaths = { docs = ["docs/"] }\nsizes = { big = 0 }\n'
    github.push(repo, "olga", files={FILE: settings})
    happening = github.open_pull_request(repo, "alice")
    for name in ("docs", "big"):
        github.label_issue(repo, 1, "olga", name)
    github.issue(repo, 1).labels.pop()
    files = [{"filename": f"src/{number}.py"} for number in range(3)]
    path = f"/repos/{repo}/pulls/1/files"
    github.pull(repo, 1).files = [ChangedFile(f"docs/{each}.md") for each in range(3400)]
    github.faults.append(faults.plan(faults.answered(files), path=path, times=None))
    scene.deliver(happening)
    scene.until(lambda: len(github.issue(repo, 1).labels) == 2, "the other label is put on")
    assert {one.name for one in github.issue(repo, 1).labels} == {"docs", "big"}
    assert not [call for call in scene.writes() if call.startswith("DELETE")]


def test_a_number_from_an_incomplete_search_is_not_said(scene):
    """The bot asks again, and then says how many pull requests were merged."""
    github, repo = scene.github, scene.repo
    settings = "[invite]\nmerged_pull_requests = 3\ncountdown = true\n"
    github.push(repo, "olga", files={FILE: settings})
    github.merge_pull_request(repo, "alice")
    cut = {"total_count": 1, "incomplete_results": True, "items": []}
    github.faults.append(faults.plan(faults.answered(cut), path="/search/issues", times=1))
    scene.deliver(github.merge_pull_request(repo, "alice"))
    scene.until(lambda: github.comments(repo, 2), "the bot says the number")
    assert "**2 of 3**" in github.comments(repo, 2)[0].body
