"""One deployment after another is rolled back, each in its own way, while users write all the while."""

import shutil

import pytest

from .test_release import Shop, commit

UNDONE = "alter table users add phone text;\nupdate users set phone = '+49 ' || id;\ncreate table notes (id int primary key);\n"
RESTORED = "alter table users add fax text;\nupdate orders set total = total + 1 where id > 5;\n"
OUTSIDE = "alter table audit add note text;\ncreate index concurrently users_name on users (name);\n"


def back_to(before, arena, result):
    """The rollback held, and the schema is that of the moment ``before`` the deployment."""
    assert result.ended == (0, "rolled_back_on_request"), result.output
    assert arena.schema() == before


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True])
def test_four_deployments_of_different_kinds_go_back_one_after_another(arena, tmp_path, elsewhere):
    project = arena.project
    shop = Shop(project, tmp_path)
    settings = (
        "environments: {{dev: {{branch: production}}}}\npolicy: {{schema-drift: ignore}}\n"
        "rollback: {{strategies: [{}], if_restore_loses_writes: discard}}\n"
    )
    made = []
    with arena.writers as writers:
        for name, text in (
            ("0002_undo", UNDONE),
            ("0003_restore", RESTORED),
            ("0004_out", OUTSIDE),
            ("", ""),
        ):
            strategies = "restore" if text is RESTORED else "undo, restore"
            project.write("dbdeploy.yaml", settings.format(strategies))
            (project.migration(name, text) if name else project.write("app.py", "print()"))
            commit(project, name or "code")
            before, tip = arena.schema(), shop.tip
            result = arena.run("--dbdeploy-env=dev")
            assert result.ended == (0, "deployed"), result.output
            assert shop.tip != tip
            made.append((result.id, before, tip))
        refused = arena.run(f"--dbdeploy-rollback={made[0][0]}")
        assert refused.status == 4
        assert f"roll back the newest first: pytest --dbdeploy-rollback={made[3][0]}" in " ".join(
            refused.output.split()
        )
        for number, (deployment, before, tip) in reversed([*enumerate(made)]):
            if elsewhere and number != 1:  # a restore needs the backup
                shutil.move(project.artifacts / deployment, tmp_path / deployment)
            project.write("dbdeploy.yaml", settings.format("restore" if number == 1 else "undo, restore"))
            result = arena.run(f"--dbdeploy-rollback={deployment}")
            back_to(before, arena, result)
            assert result.report["rollback"]["strategy"] == (
                None if number == 3 else "restore" if number == 1 else "undo"
            )
            assert shop.tip == tip
    assert result.report["rollback"]["putAside"]["public.users"] >= 100
    assert "a rollback since had restored rows of public.users" in " ".join(result.report["notes"])
    assert [project.states()[name] for name, _, _ in made] == ["rolled_back"] * 4
    assert arena.sql("select name from dbdeploy.schema_migrations") == [("0001_init",)]
    assert arena.sql("select count(*) from users where id <= 100") == [(100,)]
    arena.check_rows(writers, result)
    arena.check_nothing_left()
