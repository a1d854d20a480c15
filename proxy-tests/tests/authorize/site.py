"""A Django site with users, sessions, CSRF and a redirect to https, that says who may have what."""

import sys
from pathlib import Path
from urllib.parse import parse_qs

import django
from django.conf import settings

FOLDER = Path(__file__).parent / "python"

settings.configure(
    SECRET_KEY="downloadview-test-secret-key-0123456789abcdef",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "db.sqlite3"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    LOGIN_URL="/accounts/login/",
    LOGIN_REDIRECT_URL="/",
    SECURE_SSL_REDIRECT=True,
    # The gateway says the truth, whatever the client says.
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth import login, logout
from django.contrib.auth.views import redirect_to_login
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import path


def may(request):
    if not request.user.is_authenticated:
        return redirect_to_login(request.headers["X-Forwarded-Uri"])
    params = parse_qs(request.headers.get("X-Download-Params", ""))
    owner = params.get("path", [""])[0].split("/")[0]
    if owner != request.user.get_username():
        return HttpResponseForbidden("not yours")
    return HttpResponse(status=204)


@login_required
def may_all(request):
    return HttpResponse(status=204)


def log_in(request):
    if request.method != "POST":
        return HttpResponse(get_token(request))
    form = AuthenticationForm(request, request.POST)
    if not form.is_valid():
        return HttpResponseForbidden("wrong password")
    login(request, form.get_user())
    return HttpResponseRedirect(request.GET.get("next", "/"))


def log_out(request):
    logout(request)
    return HttpResponse("bye")


urlpatterns = [
    path("may/", may),
    path("may-all/", may_all),
    path("accounts/login/", log_in),
    path("accounts/logout/", log_out),
]


call_command("migrate", verbosity=0)
for name in ["alice", "bob"]:
    get_user_model().objects.create_user(name, password=f"password of {name}")
server = ThreadedWSGIServer((sys.argv[1], int(sys.argv[2])), WSGIRequestHandler)
server.set_app(get_wsgi_application())
server.serve_forever()
