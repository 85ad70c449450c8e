//! A book of one page, as an EPUB with a cover.

/// The title that stands in [`book`].
pub(super) const TITLE: &str = "The Door";

/// The cover that lies in [`book`]: a grey square as a JPEG.
pub(super) const COVER: &[u8] = b"\
\xff\xd8\xff\xe0\x00\x10\x4a\x46\x49\x46\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00\x43\x00\xa0\x6e\x78\
\x8c\x78\x64\xa0\x8c\x82\x8c\xb4\xaa\xa0\xbe\xf0\xff\xff\xf0\xdc\xdc\xf0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
\xff\xff\xff\xff\xff\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00\xff\xc4\x00\x14\x00\x01\x00\x00\x00\x00\
\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xc4\x00\x14\x10\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
\x00\x00\x00\x00\x00\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f\xff\xd9";

const CONTAINER: &str = r#"<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;

const PACKAGE: &str = r#"<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Door</dc:title><dc:creator>Ann Author</dc:creator>
<dc:language>en</dc:language><dc:identifier id="id">the-door</dc:identifier><meta name="cover" content="cover"/></metadata>
<manifest><item id="cover" href="cover.jpg" media-type="image/jpeg"/>
<item id="page" href="page.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="page"/></spine></package>"#;

const PAGE: &str = r#"<html xmlns="http://www.w3.org/1999/xhtml"><body><p>A knock.</p></body></html>"#;

/// The book as bytes.
pub(super) fn book() -> Vec<u8> {
    archive(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", CONTAINER.as_bytes()),
        ("book.opf", PACKAGE.as_bytes()),
        ("cover.jpg", COVER),
        ("page.xhtml", PAGE.as_bytes()),
    ])
}

/// A ZIP archive of files that are stored as they are.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let at = length(&out);
        let mut about = Vec::new();
        // Version 1.0, no flags, stored, the first day that the format knows.
        about.extend([10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        about.extend(checksum(content).to_le_bytes());
        about.extend(length(content).to_le_bytes());
        about.extend(length(content).to_le_bytes());
        about.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        about.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&about);
        out.extend(name.as_bytes());
        out.extend(*content);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&about);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (length(&out), u16::try_from(files.len()).unwrap().to_le_bytes());
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend(length(&directory).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// CRC-32 as ZIP has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    })
}
