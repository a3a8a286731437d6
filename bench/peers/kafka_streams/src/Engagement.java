/** What the topologies need of an engagement event; what they do not need is skipped, not read. */
record Engagement(
        String eventId,
        long occurredAt,
        long producedAt,
        long version,
        String traceId,
        String userId,
        int kind,
        String channel,
        String sku,
        long quantity,
        Long revenueMinor,
        String currency,
        String region,
        String campaignId,
        String canvasId,
        boolean machineOpen,
        boolean suspectedBot) {

    // Positions in the schema's enumeration of kinds.
    static final int EMAIL_OPEN = 3;
    static final int EMAIL_CLICK = 4;
    static final int PUSH_OPEN = 7;
    static final int CART_UPDATE = 11;
    static final int PURCHASE = 13;
    static final int ORDER_PLACED = 14;
    static final int CONVERSION = 15;
    static final String[] KINDS = {
        "other", "email_send", "email_delivery", "email_open", "email_click", "email_bounce",
        "email_unsubscribe", "push_open", "in_app_impression", "in_app_click", "product_view",
        "cart_update", "checkout", "purchase", "order_placed", "conversion"
    };

    static Engagement read(byte[] value, int schemaId) {
        Reader in = Reader.ofMessage(value, schemaId);
        String eventId = in.readString();
        long occurredAt = in.readLong();
        long producedAt = in.readLong();
        in.skipString(); // source
        long version = in.readLong();
        String traceId = in.readString();
        in.skipOptionalString(); // causation_id
        String userId = in.readString();
        in.readBoolean(); // identified
        int kind = in.readInt();
        in.skipString(); // event_type
        String channel = in.readOptionalString();
        String sku = in.readOptionalString();
        long quantity = in.readLong();
        Long revenueMinor = in.readOptionalLong();
        String currency = in.readOptionalString();
        String region = in.readOptionalString();
        String campaignId = in.readOptionalString();
        String canvasId = in.readOptionalString();
        in.skipOptionalString(); // order_ref
        boolean machineOpen = in.readBoolean();
        boolean suspectedBot = in.readBoolean();
        return new Engagement(
                eventId, occurredAt, producedAt, version, traceId, userId, kind, channel, sku,
                quantity, revenueMinor, currency, region, campaignId, canvasId, machineOpen,
                suspectedBot);
    }

    boolean ordered() {
        return kind == PURCHASE || kind == ORDER_PLACED;
    }

    /** What a user does, as against what is sent to one. */
    boolean engaged() {
        return kind == EMAIL_OPEN || kind == EMAIL_CLICK || kind >= PUSH_OPEN && kind <= CONVERSION;
    }

    /** The enriched record, as a message. Its id is the event's: a peer need not derive one. */
    byte[] enriched(Writer out, int schemaId, String homeRegion, String partnerId, String line) {
        return out.message(schemaId)
                .putString(eventId)
                .putLong(occurredAt)
                .putLong(producedAt)
                .putString("peer/enrich")
                .putLong(version)
                .putString(traceId)
                .putOptionalString(eventId)
                .putString(userId)
                .putLong(kind)
                .putOptionalString(channel)
                .putOptionalString(sku)
                .putLong(quantity)
                .putOptionalLong(revenueMinor)
                .putOptionalString(currency)
                .putOptionalString(homeRegion)
                .putOptionalString(partnerId)
                .putOptionalString(line)
                .putOptionalString(campaignId)
                .putOptionalString(canvasId)
                .done();
    }
}
