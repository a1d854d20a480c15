// What reaches clients of the answers of servers from which nginx fetches files: an allow-list. Printed by
// `downloadview proxy-config nginx --print-script`, for nginx's module njs; the configuration that `--script` prints imports it.

// The gateway's or nginx's own: the configuration hides the server's.
const OURS = ['cache-control', 'content-disposition', 'content-length', 'content-type', 'expires', 'set-cookie'];
// The server's, each once.
const THEIRS = ['accept-ranges', 'content-range', 'etag', 'last-modified'];

function is(list, line) {
    return list.indexOf(line[0].toLowerCase()) >= 0;
}

// A file, a part of it, or the news that the client has it; from 400 to 599 nginx's own pages. Of anything else nginx would
// pass on what follows it: of an interim answer (100, 102, 103, 199) a whole answer of the server's making, of what is no
// status (600 to 999) the server's page under the name of the file.
function answers(status) {
    return [200, 206, 304].indexOf(status) >= 0 || (status >= 400 && status <= 599 && status !== 499);
}

function allow(r) {
    if (!answers(r.status)) {
        throw new Error('the server answered ' + r.status);
    }
    const first = {};
    r.rawHeadersOut.forEach(function (line) {
        const name = line[0].toLowerCase();
        if (is(OURS, line)) {
            return;
        }
        if (!is(THEIRS, line)) {
            delete r.headersOut[line[0]];
        } else if (first[name] === undefined) {
            first[name] = line[1];
        } else {
            r.headersOut[line[0]] = first[name];
        }
    });
    // No text is some names, so they cannot be deleted: then nothing is sent at all.
    r.rawHeadersOut.forEach(function (line) {
        if (!is(OURS, line) && !is(THEIRS, line)) {
            throw new Error('the server sent a header whose name is not valid UTF-8');
        }
    });
}

export default { allow };
