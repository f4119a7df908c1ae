def test_no_order_without_a_customer(dbdeploy_sandbox):
    orphans = dbdeploy_sandbox.after.scalar(
        "select count(*) from orders o where not exists (select from customers c where c.id = o.customer_id)"
    )
    assert orphans == 0


def test_totals_are_what_the_items_cost(dbdeploy_sandbox):
    wrong = dbdeploy_sandbox.after.fetch(
        "select o.id, o.total, sum(i.quantity * i.price) as items"
        " from orders o left join order_items i on i.order_id = o.id"
        " group by o.id having o.total is distinct from sum(i.quantity * i.price) limit 5"
    )
    assert not wrong
