def test_no_money_appears_or_vanishes(dbdeploy_plan, dbdeploy_sandbox):
    """On the clone of the target's data: the sum before the migrations is the sum after them."""
    total = "select sum(balance) from accounts"
    if "public.accounts" in {relation.name for relation in dbdeploy_plan.target.relations}:
        assert dbdeploy_sandbox.after.scalar(total) == dbdeploy_sandbox.before.scalar(total)
    else:
        assert dbdeploy_sandbox.after.scalar(total) == 1000 * 100
