import java.util.HashMap;
import java.util.Map;

/** What the program is told on its command line: `--name value` pairs. */
final class Asked {
    private final Map<String, String> values = new HashMap<>();

    Asked(String[] words) {
        for (int i = 0; i + 1 < words.length; i += 2) {
            values.put(words[i].substring(2), words[i + 1]);
        }
    }

    String text(String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    int number(String name) {
        return Integer.parseInt(text(name));
    }
}
