-- What a partner's webhook answered to an event goes when the event is redacted, because its customer is gone: it may repeat
-- what it was sent. That it was sent stays.
CREATE OR REPLACE FUNCTION redact_answers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        UPDATE public.delivery_webhookattempt t SET response = ''
          FROM public.delivery_webhookdelivery d
         WHERE d.event_id = NEW.id AND t.webhook_id = d.webhook_id AND t.event_id = d.event_id AND t.response <> '';
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION redact_answers FROM PUBLIC;

CREATE OR REPLACE TRIGGER redact_answers AFTER UPDATE OF data ON tenants_partnerevent FOR EACH ROW
    EXECUTE FUNCTION redact_answers();
