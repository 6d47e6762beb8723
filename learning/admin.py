from django.contrib import admin

from learning.models import Release
from learning.staff.releases import ReleaseAdmin

admin.site.register(Release, ReleaseAdmin)
