/** What one event, or one abandoned cart, adds to a window. `kind`: null for a cart. */
record Partial(
        String partnerId,
        String region,
        String sku,
        String productLine,
        long windowStart,
        long arrivedAt,
        String kind,
        long units,
        String currency,
        Long revenueMinor,
        long abandonedCarts,
        long userHash) {

    String group() {
        return partnerId + "|" + region + "|" + sku;
    }

    byte[] encoded(Writer out) {
        return out.plain()
                .putString(partnerId)
                .putString(region)
                .putString(sku)
                .putOptionalString(productLine)
                .putLong(windowStart)
                .putLong(arrivedAt)
                .putOptionalString(kind)
                .putLong(units)
                .putOptionalString(currency)
                .putOptionalLong(revenueMinor)
                .putLong(abandonedCarts)
                .putLong(userHash)
                .done();
    }

    static Partial read(byte[] value) {
        Reader in = Reader.of(value);
        return new Partial(
                in.readString(),
                in.readString(),
                in.readString(),
                in.readOptionalString(),
                in.readLong(),
                in.readLong(),
                in.readOptionalString(),
                in.readLong(),
                in.readOptionalString(),
                in.readOptionalLong(),
                in.readLong(),
                in.readLong());
    }

    /** Tells the users of one window apart. */
    static long hash(String userId, long windowStart) {
        long hash = 0xcbf29ce484222325L ^ windowStart;
        for (int i = 0; i < userId.length(); i++) {
            hash = (hash ^ userId.charAt(i)) * 0x100000001b3L;
        }
        return hash ^ hash >>> 32;
    }
}
