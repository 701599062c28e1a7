-- The trail ends here, and what it told is lost. Functions go first, with the triggers that call them.
DROP FUNCTION audit_row(), audit_import(), drop_old_audit(integer) CASCADE;
DROP FUNCTION audit_note(text, text, text, text, jsonb, jsonb),
    audit_append(text, text, text, text, text, text, jsonb, jsonb, text), audit_view(jsonb, text, text, text),
    audit_config(jsonb), audit_difference(jsonb, jsonb, jsonb);
DROP TABLE audit, audit_chains, audit_checkpoints;

CREATE OR REPLACE FUNCTION ensure_month_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    month timestamptz;
    strays boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'metrics_data'] LOOP
        FOR ahead IN 0..2 LOOP
            month := date_trunc('month', now()) + make_interval(months => ahead);
            CONTINUE WHEN to_regclass(format('public.%I', parent || to_char(month, '"_y"YYYY"m"MM'))) IS NOT NULL;
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE timestamp >= $1 AND timestamp < $2)',
                           parent || '_default') INTO strays USING month, month + interval '1 month';
            CONTINUE WHEN strays;
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                           parent || to_char(month, '"_y"YYYY"m"MM'), parent, month, month + interval '1 month');
        END LOOP;
    END LOOP;
END $$;
