-- Back to nothing; what stays is what bootstrap made: roles, revocations, the installation's name. Functions go first,
-- with the policies and the trigger that call them: their bodies hold on to the tables.
DROP FUNCTION my_bot(), claim_lease(bigint, text, text, integer, bigint, double precision),
    renew_lease(bigint, double precision), release_lease(bigint),
    beat(bigint, text, double precision, boolean, timestamptz, timestamptz, double precision, double precision, bigint,
         bigint, double precision),
    forget_my_session(), refuse_undisclosed(), ensure_month_partitions() CASCADE;
DROP TABLE heartbeats, leases, metrics_data, events, outbox, turns, messages, conversations, user_profiles,
    session_entities, sessions, secrets, bot_counters, bot_keys, bot_roles, bots;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
