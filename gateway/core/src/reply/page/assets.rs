//! The style, the scripts and the content security policies of pages. A policy allows the style block, the one script
//! of its page and a form to the gateway, each block by its hash.

use http::HeaderValue;

/// A policy that allows the style block and the sources listed.
macro_rules! policy {
    ($($more:literal),*) => {
        HeaderValue::from_static(concat!(
            "default-src 'none'; ",
            $($more, "; ",)*
            "style-src 'sha256-peO7v2h9lB4JyPnVajZS/X+HovbYhAkoK6/VM4x6MmY='; ",
            "base-uri 'none'; frame-ancestors 'none'"
        ))
    };
}

/// Of pages without a form.
pub(super) const PLAIN_POLICY: HeaderValue = policy!("form-action 'none'");
/// Of pages with a form to the gateway.
pub(super) const FORM_POLICY: HeaderValue = policy!("form-action 'self'");
/// Of the page that counts down.
pub(super) const COUNTDOWN_POLICY: HeaderValue =
    policy!("script-src 'sha256-Dd8YyirOdQwBCidJFBm1yATPwcrg2khdE6KZW7D82GI='", "form-action 'none'");
/// Of the page that takes a code.
pub(super) const ENTER_POLICY: HeaderValue =
    policy!("script-src 'sha256-yamY4ExrRM7C+jueimuOhTl4Bi0PTIWsI/9JV/lL+g4='", "form-action 'self'");
/// Of the pages that show a token, which have a form.
pub(super) const TOKEN_POLICY: HeaderValue =
    policy!("script-src 'sha256-0Y5+k62dQRyia6a/EJEITWVJ4Z9qWOlFchiqRUpI+Tc='", "form-action 'self'");

/// Takes the code out of the address and out of the history, and submits it. A browser never sends what stands behind
/// `#`, so the script has to. A code that is added to the address later loads the page anew.
pub(super) const ENTER_SCRIPT: &str = "(function(){\
var form=document.forms[0],code=location.hash.slice(1);\
addEventListener('hashchange',function(){location.reload()});\
if(!code||!form)return;\
history.replaceState(null,'',location.pathname);\
form.elements.code.value=code;\
form.submit()\
})()";

/// Counts down, then shows the button to try again. It loads nothing by itself. The words are those of
/// [`super::html::TimeLeft`].
pub(super) const COUNTDOWN_SCRIPT: &str = "(function(){\
var by=document.getElementById.bind(document),left=by('left'),again=by('again'),\
until=Date.now()+1000*left.getAttribute('data-seconds');\
function words(s){var m=Math.ceil(s/60),h=Math.ceil(m/60),c=s<=90?[s,'second']:m<=90?[m,'minute']:h<=48?[h,'hour']:[Math.ceil(h/24),'day'];\
return c[0]+' '+c[1]+(c[0]===1?'':'s')}\
if(again)again.hidden=true;\
(function tick(){\
var s=Math.ceil((until-Date.now())/1000);\
if(s>0){left.textContent=words(s);setTimeout(tick,500);return}\
by('wait').hidden=true;\
if(again)again.hidden=false;\
by('then').textContent=by('then').getAttribute('data-then')\
})()\
})()";

/// Shows times in the browser's time zone. On a page that submits its form by itself it counts down, while the page is
/// visible, and then submits the form with `auto` set: no person pressed the button.
pub(super) const TOKEN_SCRIPT: &str = "(function(){\
document.querySelectorAll('time').forEach(function(t){\
var d=new Date(t.dateTime);\
if(!isNaN(d))t.textContent=d.toLocaleString('en-GB',{day:'numeric',month:'long',year:'numeric',hour:'2-digit',minute:'2-digit'})});\
var note=document.getElementById('goes'),form=document.forms[0],left=5,sent=false;\
if(!note)return;\
note.hidden=false;\
form.addEventListener('submit',function(){sent=true});\
(function tick(){\
if(sent)return;\
if(left===0){form.elements.auto.value='1';form.submit();return}\
document.getElementById('seconds').textContent=left+(left===1?' second':' seconds');\
if(!document.hidden)left--;\
setTimeout(tick,1000)\
})()\
})()";

/// The style of every page.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b2027;--dim:#5a6470;--page:#f2f3f5;--card:#fff;--line:#dde1e6;--mark:#a8481c;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--dim:#9aa5b0;--page:#0f1215;--card:#181c21;--line:#2c333b;--mark:#f0a06a;--on:#1b1006}}\
*{box-sizing:border-box}\
[hidden]{display:none}\
body{margin:0;min-height:100vh;min-height:100svh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--ink);\
font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif}\
main{width:100%;max-width:31rem;padding:2.25rem 2.25rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:.875rem}\
.app{display:flex;align-items:center;gap:.625rem;margin:0 0 1.25rem -.25rem;color:var(--dim);font-weight:600;overflow-wrap:anywhere}\
.mark{flex:none;width:2.25rem;height:2.25rem;fill:none;stroke:var(--mark);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}\
.leaf{fill:var(--card)}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance;overflow-wrap:anywhere}\
p{margin:0 0 1rem;text-wrap:pretty}\
p:empty{margin:0}\
a{color:var(--mark)}\
strong{overflow-wrap:anywhere}\
.wait{padding:.75rem 1rem;background:var(--page);border-radius:.5rem;font-variant-numeric:tabular-nums}\
.note{margin:.75rem 0 0;color:var(--dim);font-size:.875rem}\
dl{margin:1.25rem 0;font-size:.875rem}\
dl.facts{margin:1.75rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line)}\
dl div{display:flex;gap:.75rem;padding:.125rem 0}\
dl.visit{padding:.75rem 1rem;background:var(--page);border-radius:.5rem;font-size:1rem}\
dt{flex:0 0 4.5rem;color:var(--dim)}\
dd{margin:0;min-width:0;overflow-wrap:anywhere}\
code{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}\
p code{white-space:nowrap}\
dd code{-webkit-user-select:all;user-select:all}\
label{display:block;margin:0 0 .25rem;font-size:.875rem;color:var(--dim)}\
input,button,.button{width:100%;min-height:2.75rem;padding:.5rem .75rem;border-radius:.5rem;font:inherit}\
input{margin:0 0 .75rem;border:1px solid var(--dim);background:var(--page);color:var(--ink)}\
button,.button{display:flex;align-items:center;justify-content:center;border:1px solid var(--mark);background:var(--mark);color:var(--on);\
font-weight:600;text-align:center;text-decoration:none;cursor:pointer;overflow-wrap:anywhere}\
.button[hidden]{display:none}\
.quiet{background:none;color:var(--mark);margin:.75rem 0 0}\
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}\
@media(max-width:30rem){main{padding:1.5rem 1.25rem 1.25rem}}";
