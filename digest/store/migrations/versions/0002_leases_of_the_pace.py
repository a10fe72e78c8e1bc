"""leases of the pace."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pace_lease',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('next_free_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_pace_lease')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('pace_lease')
