create table accounts (
    id bigint primary key generated always as identity,
    owner text not null,
    balance numeric(12, 2) not null default 0
);

create table transfers (
    id bigint primary key generated always as identity,
    from_account bigint not null references accounts,
    to_account bigint not null references accounts,
    amount numeric(12, 2) not null check (amount > 0)
);

insert into accounts (owner, balance) select 'owner ' || n, 100 from generate_series(1, 1000) n;
