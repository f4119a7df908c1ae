def test_the_checkout_finds_what_it_needs(dbdeploy_target):
    """The query that the checkout page runs, on the deployed database."""
    order = dbdeploy_target.fetch(
        "select c.name, c.phone, o.total, count(*) as lines"
        " from orders o join customers c on c.id = o.customer_id"
        " join order_items i on i.order_id = o.id join products p on p.id = i.product_id"
        " where o.id = %s group by c.name, c.phone, o.total",
        [1],
    )
    assert len(order) == 1
