//! What becomes of requests behind each profile.

/// Profile, request, what nobody gets, what a user gets, whether WebSockets may pass, MiB of a body.
type Row = (&'static str, &'static str, &'static str, &'static str, bool, u64);

const NOBODY: &str = "token_missing";
const ON: &str = "forward";

pub(super) const ROWS: &[Row] = &[
    ("calibre-web", "GET /", NOBODY, ON, false, 10),
    ("calibre-web", "GET /login", NOBODY, ON, false, 10),
    ("calibre-web", "GET /opds", NOBODY, ON, false, 10),
    ("calibre-web", "GET /cover/1/sm", NOBODY, ON, false, 10),
    ("calibre-web", "GET /kobo/0123/v1/initialization", NOBODY, ON, false, 10),
    ("calibre-web", "POST /upload", NOBODY, ON, false, 512),
    ("calibre-web", "POST /admin/book/7", NOBODY, ON, false, 512),
    ("calibre-web", "POST /admin/config", NOBODY, ON, false, 10),
    ("generic-api", "GET /", NOBODY, ON, false, 10),
    ("generic-api", "GET /robots.txt", NOBODY, ON, false, 10),
    ("generic-api", "POST /items", NOBODY, ON, false, 10),
    ("generic-spa", "GET /", NOBODY, ON, true, 10),
    ("generic-spa", "GET /manifest.json", ON, ON, true, 10),
    ("generic-spa", "HEAD /robots.txt", ON, ON, true, 10),
    ("generic-spa", "POST /manifest.json", NOBODY, ON, true, 10),
    ("generic-spa", "GET /manifest.json/x", NOBODY, ON, true, 10),
    ("jellyfin", "GET /health", ON, ON, false, 20),
    ("jellyfin", "POST /health", NOBODY, ON, false, 20),
    ("jellyfin", "GET /health/x", NOBODY, ON, false, 20),
    ("jellyfin", "GET /socket", NOBODY, ON, true, 20),
    ("jellyfin", "GET /System/Info/Public", NOBODY, ON, false, 20),
    ("jellyfin", "GET /Items/1/Images/Primary", NOBODY, ON, false, 20),
    ("jellyfin", "GET /Videos/1/stream", NOBODY, ON, false, 20),
    ("jellyfin", "GET /metrics", NOBODY, ON, false, 20),
    ("lidarr", "GET /ping", ON, ON, false, 10),
    ("lidarr", "GET /signalr/messages", NOBODY, ON, true, 10),
    ("lidarr", "GET /MediaCover/Albums/1/cover.jpg", NOBODY, ON, false, 10),
    ("lidarr", "POST /api/v1/system/backup/restore/upload", NOBODY, ON, false, 128),
    ("mopidy", "GET /mopidy/", NOBODY, ON, false, 10),
    ("mopidy", "GET /mopidy/ws", NOBODY, ON, true, 10),
    ("mopidy", "GET /mopidy/ws/", NOBODY, ON, true, 10),
    ("mopidy", "POST /mopidy/rpc", NOBODY, ON, false, 10),
    ("mopidy", "GET /iris/ws", NOBODY, ON, false, 10),
    ("navidrome", "GET /ping", ON, ON, false, 10),
    ("navidrome", "HEAD /ping", ON, ON, false, 10),
    ("navidrome", "POST /auth/login", NOBODY, ON, false, 10),
    ("navidrome", "GET /rest/ping.view", NOBODY, ON, false, 10),
    ("navidrome", "GET /share/img/x", NOBODY, ON, false, 10),
    ("navidrome", "GET /api/events", NOBODY, ON, false, 10),
    ("prowlarr", "GET /ping", ON, ON, false, 10),
    ("prowlarr", "GET /signalr/messages", NOBODY, ON, true, 10),
    ("prowlarr", "GET /api/v1/indexer", NOBODY, ON, false, 10),
    ("prowlarr", "POST /api/v1/system/backup/restore/upload", NOBODY, ON, false, 128),
    ("qbittorrent", "GET /", NOBODY, ON, false, 10),
    ("qbittorrent", "POST /api/v2/auth/login", NOBODY, ON, false, 10),
    ("qbittorrent", "POST /api/v2/torrents/add", NOBODY, ON, false, 64),
    ("qbittorrent", "GET /api/v2/app/version", NOBODY, ON, false, 10),
    ("radarr", "GET /ping", ON, ON, false, 10),
    ("radarr", "GET /signalr/messages", NOBODY, ON, true, 10),
    ("radarr", "GET /MediaCover/1/poster.jpg", NOBODY, ON, false, 10),
    ("radarr", "POST /api/v3/system/backup/restore/upload", NOBODY, ON, false, 4800),
    ("sonarr", "GET /ping", ON, ON, false, 10),
    ("sonarr", "POST /ping", NOBODY, ON, false, 10),
    ("sonarr", "GET /ping/x", NOBODY, ON, false, 10),
    ("sonarr", "GET /login", NOBODY, ON, false, 10),
    ("sonarr", "GET /initialize.json", NOBODY, ON, false, 10),
    ("sonarr", "GET /MediaCover/1/poster.jpg", NOBODY, ON, false, 10),
    ("sonarr", "GET /feed/v3/calendar/sonarr.ics", NOBODY, ON, false, 10),
    ("sonarr", "GET /signalr/messages", NOBODY, ON, true, 10),
    ("sonarr", "POST /signalr/messages/negotiate", NOBODY, ON, false, 10),
    ("sonarr", "GET /api/v3/series", NOBODY, ON, false, 10),
    ("sonarr", "POST /api/v3/system/backup/restore/upload", NOBODY, ON, false, 512),
    ("transmission", "GET /transmission/web/", NOBODY, ON, false, 10),
    ("transmission", "POST /transmission/rpc", NOBODY, ON, false, 10),
];

const HEADER: &str = "Header(\"x-stagedoor-token\")";
const COOKIE: &str = "Cookie(\"stagedoor\")";
const APP_HOST: &str = "Upstream(\"127.0.0.1:3000\")";

/// Profile, where tokens are read, and which Host the app sees.
pub(super) const SLOTS: &[(&str, &[&str], &str)] = &[
    ("calibre-web", &[HEADER, COOKIE], "Keep"),
    ("generic-api", &["Bearer", HEADER], "Keep"),
    ("generic-spa", &["Bearer", HEADER, COOKIE], "Keep"),
    ("jellyfin", &[HEADER, COOKIE], "Keep"),
    ("lidarr", &[HEADER, COOKIE], "Keep"),
    ("mopidy", &["Bearer", HEADER, COOKIE], "Keep"),
    ("navidrome", &["Bearer", HEADER, COOKIE], "Keep"),
    ("prowlarr", &[HEADER, COOKIE], "Keep"),
    ("qbittorrent", &[HEADER, COOKIE], APP_HOST),
    ("radarr", &[HEADER, COOKIE], "Keep"),
    ("sonarr", &[HEADER, COOKIE], "Keep"),
    ("transmission", &[HEADER, COOKIE], APP_HOST),
];
