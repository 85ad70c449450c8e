<?php
// PHP's built-in server: by what parse_url makes of the target, and by the path that the server itself has read.
function routed($path)
{
    $parts = explode('/', $path);
    if (($parts[1] ?? '') === 'admin') {
        return 'routed admin';
    }
    if (($parts[1] ?? '') === 'users' && isset($parts[2])) {
        return 'routed users ' . $parts[2];
    }
    return 'routed other';
}

header('Content-Type: text/plain');
$target = $_SERVER['REQUEST_URI'];
switch (getenv('READER')) {
    case 'target':
        $path = rawurldecode(parse_url($target, PHP_URL_PATH) ?: '/');
        break;
    case 'decoded':
        $path = parse_url(rawurldecode($target), PHP_URL_PATH) ?: '/';
        break;
    default:
        $path = $_SERVER['PHP_SELF'];
}
echo routed($path);
