import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** The HttpServer of the JDK, by its contexts and by the path of the request: Server.java PORT */
public class Server {
    static String routed(String path) {
        String[] parts = path.split("/", -1);
        if (parts.length > 1 && parts[1].equals("admin")) return "routed admin";
        if (parts.length > 2 && parts[1].equals("users")) return "routed users " + parts[2];
        return "routed other";
    }

    static void say(HttpExchange exchange, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
        server.createContext("/admin/", exchange -> say(exchange, "routed admin"));
        server.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            say(exchange, routed(path == null ? "" : path));
        });
        server.start();
    }
}
